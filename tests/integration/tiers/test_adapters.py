"""The adapters against real servers, and against sockets that misbehave as real networks do."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg.rows import dict_row

from compose.embedded.ports import free_port
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import display_url
from tests.servers import EmbeddedPostgres, EmbeddedValkey, MakeDatabase
from tiers import codes
from tiers import postgres as pg
from tiers import valkey as vk
from tiers.errors import StartingError

HIDDEN = "wrong-canary-password"


def fault(url: str, **options: object) -> MosaicError:
    """Return the error of opening a URL; no part of the password may be in it."""
    connect = pg.connect if url.startswith("postgres") else vk.connect
    names = {"application_name": "adapter-test"} if connect is pg.connect else {}
    with pytest.raises(MosaicError) as caught:
        connect(url, **names, **options)  # type: ignore[operator]
    assert HIDDEN not in str(caught.value.as_dict())
    return caught.value


def altered(url: str, *, password: str | None = None, path: str | None = None, user: str | None = None) -> str:
    parts = urlsplit(url)
    userinfo = f"{parts.username or '' if user is None else user}:{parts.password if password is None else password}"
    netloc = f"{userinfo}@{parts.hostname}:{parts.port}"
    return urlunsplit(parts._replace(netloc=netloc, path=parts.path if path is None else path))


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def starting_postgres() -> Iterator[int]:
    """A port that answers as PostgreSQL does during crash recovery: one ErrorResponse with 57P03."""
    fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"

    def answer(server: socket.socket) -> None:
        for _ in range(2):  # psycopg may ask for TLS first and come back without it
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                if client.recv(1024)[4:8] == struct.pack("!I", 80877103):  # SSLRequest
                    client.sendall(b"N")
                    client.recv(1024)
                client.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,), daemon=True)
        thread.start()
        yield server.getsockname()[1]


def test_connect_opens_postgres_with_name_keepalives_and_row_factory(
    postgres_url: str,
) -> None:
    with pg.connect(postgres_url, application_name="mosaic-gw a:1:2", row_factory=dict_row) as connection:
        row = connection.execute("SELECT current_setting('application_name') AS name").fetchone()
        assert row == {"name": "mosaic-gw a:1:2"}
        assert connection.autocommit
        assert connection.info.get_parameters()["keepalives_idle"] == "10"


@pytest.fixture
def postgres_url(plain_postgres: EmbeddedPostgres, make_database: MakeDatabase) -> str:
    return make_database(plain_postgres)


def test_a_name_with_several_addresses_is_tried_one_after_the_other(postgres_url: str) -> None:
    """localhost may be ::1 first, where nothing listens."""
    url = postgres_url.replace("127.0.0.1", "localhost")
    with pg.connect(url, application_name="t") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_closed_port_is_refused() -> None:
    error = fault(f"postgresql://u:{HIDDEN}@127.0.0.1:{free_port()}/d")
    assert (error.code, error.exit_code) == (codes.PG_REFUSED, 69)
    assert fault(f"redis://:{HIDDEN}@127.0.0.1:{free_port()}/0").code is codes.VK_REFUSED


def test_an_unknown_name_is_named_so() -> None:
    assert fault(f"postgresql://u:{HIDDEN}@nope.invalid/d").code is codes.PG_NAME
    assert fault(f"redis://:{HIDDEN}@nope.invalid/0").code is codes.VK_NAME


@pytest.mark.parametrize(
    ("template", "code"),
    [("postgresql://u:{}@127.0.0.1:{}/d", codes.PG_TIMEOUT), ("redis://:{}@127.0.0.1:{}/0", codes.VK_TIMEOUT)],
)
def test_a_silent_server_is_a_timeout_with_its_number(template: str, code: object) -> None:
    with silent_port() as port:
        start = time.monotonic()
        error = fault(template.format(HIDDEN, port), timeout_s=2.0)
    assert error.code is code
    assert "No answer within 2.0 s." in error.message
    assert time.monotonic() - start < 10


def test_a_wrong_password_and_an_unknown_user_are_authentication(postgres_url: str) -> None:
    for url in (altered(postgres_url, password=HIDDEN), altered(postgres_url, user="nobody_here", password=HIDDEN)):
        error = fault(url)
        assert (error.code, error.exit_code) == (codes.PG_AUTHENTICATION, 77)


def test_no_password_at_all_is_authentication(postgres_url: str) -> None:
    parts = urlsplit(postgres_url)
    error = fault(urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}")))
    assert error.code is codes.PG_AUTHENTICATION


def test_a_missing_database_is_a_configuration_error(postgres_url: str) -> None:
    error = fault(altered(postgres_url, path="/no_such_database"))
    assert (error.code, error.exit_code) == (codes.PG_DATABASE, 78)


def test_tls_that_postgres_does_not_have_is_tls(postgres_url: str) -> None:
    assert fault(postgres_url, sslmode="require").code is codes.PG_TLS


def test_tls_that_valkey_does_not_have_times_out_with_the_right_advice(valkey: EmbeddedValkey) -> None:
    error = fault(valkey.url.replace("redis://", "rediss://"), timeout_s=1.0)
    assert error.code is codes.VK_TIMEOUT
    assert "write redis:// instead of rediss://" in error.remediation


def test_tls_with_a_server_that_speaks_something_else_is_tls(plain_postgres: EmbeddedPostgres) -> None:
    assert fault(f"rediss://:{HIDDEN}@127.0.0.1:{plain_postgres.port}/0").code is codes.VK_TLS


def test_a_server_that_starts_is_the_retryable_error() -> None:
    with starting_postgres() as port:
        error = fault(f"postgresql://u:{HIDDEN}@127.0.0.1:{port}/d")
    assert isinstance(error, StartingError)
    assert error.code is codes.PG_STARTING


def test_no_free_connection_has_its_own_code(postgres_url: str) -> None:
    with pg.connect(postgres_url, application_name="t") as admin:
        admin.execute("CREATE ROLE crowded LOGIN PASSWORD 'crowded-pw' CONNECTION LIMIT 0")
        try:
            assert fault(altered(postgres_url, user="crowded", password="crowded-pw")).code is codes.PG_CONNECTIONS
        finally:
            admin.execute("DROP ROLE crowded")


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SET ROLE pg_monitor; CREATE TABLE public.x ()", codes.PG_PRIVILEGE),
        ("SET default_transaction_read_only = on; CREATE TABLE public.x ()", codes.PG_READ_ONLY),
        ("SELECT pg_terminate_backend(pg_backend_pid())", codes.PG_LOST),
        ("SELECT * FROM no_such_table", codes.PG_OTHER),
    ],
)
def test_faults_of_statements_are_told_apart(postgres_url: str, statement: str, code: object) -> None:
    connection = pg.connect(postgres_url, application_name="t")
    *before, last = statement.split(";")
    for part in before:
        connection.execute(part)  # type: ignore[arg-type]
    with pytest.raises(MosaicError) as caught, pg.driver_errors(display_url(postgres_url)):
        connection.execute(last)  # type: ignore[arg-type]
    connection.close()
    assert caught.value.code is code
    assert "no_such_table" not in caught.value.message


def ask_until_it_fails(connection: psycopg.Connection) -> None:
    """Ask again and again: a session's own process outlives the postmaster by a moment."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        connection.execute("SELECT 1")


def test_a_server_that_dies_is_a_lost_connection(postgres: EmbeddedPostgres, make_database: MakeDatabase) -> None:
    connection = pg.connect(make_database(postgres), application_name="t")
    postgres.kill()
    try:
        with pytest.raises(MosaicError) as caught, pg.driver_errors("here"):
            ask_until_it_fails(connection)
        assert caught.value.code is codes.PG_LOST
    finally:
        connection.close()
        postgres.start()


def test_connect_opens_valkey_and_closes_nothing_else(valkey: EmbeddedValkey) -> None:
    client = vk.connect(valkey.url, client_name="adapter-test")
    assert client.ping()
    assert client.client_getname() == "adapter-test"
    client.close()


def test_valkey_has_a_scheme_of_its_own(valkey: EmbeddedValkey) -> None:
    client = vk.connect(valkey.url.replace("redis://", "valkey://"))
    assert client.ping()
    client.close()


@pytest.mark.parametrize("query", ["ssl_cert_reqs=none", "unknown=1", "socket_timeout=soon"])
def test_a_parameter_that_the_client_cannot_take_is_a_bad_address(valkey: EmbeddedValkey, query: str) -> None:
    assert fault(f"{valkey.url}?{query}").code is codes.BAD_URL


def test_valkey_refuses_a_wrong_or_missing_password(valkey: EmbeddedValkey) -> None:
    for url in (altered(valkey.url, password=HIDDEN), f"redis://{valkey.host}:{valkey.port}/0"):
        error = fault(url)
        assert (error.code, error.exit_code) == (codes.VK_AUTHENTICATION, 77)


def test_valkey_has_no_database_99(valkey: EmbeddedValkey) -> None:
    assert fault(altered(valkey.url, path="/99")).code is codes.VK_DATABASE


def test_valkey_commands_are_told_apart(valkey: EmbeddedValkey) -> None:
    admin = vk.connect(valkey.url)
    admin.execute_command("ACL", "SETUSER", "narrow", "on", ">narrow-pw", "+ping", "+select", "+client")
    narrow = vk.connect(altered(valkey.url, user="narrow", password="narrow-pw"))
    with pytest.raises(MosaicError) as caught, vk.driver_errors("here"):
        narrow.get("x")
    assert caught.value.code is codes.VK_PRIVILEGE
    admin.config_set("maxmemory", "1")
    try:
        with pytest.raises(MosaicError) as caught, vk.driver_errors("here"):
            admin.set("x", "y")
    finally:
        admin.config_set("maxmemory", "0")
    assert caught.value.code is codes.VK_DISK_FULL
    admin.execute_command("REPLICAOF", "127.0.0.1", str(free_port()))
    try:
        with pytest.raises(MosaicError) as caught, vk.driver_errors("here"):
            admin.set("x", "y")
    finally:
        admin.execute_command("REPLICAOF", "NO", "ONE")
    assert caught.value.code is codes.VK_READ_ONLY
    narrow.close()
    admin.close()


def test_the_drivers_words_stay_out_of_tracebacks(postgres_url: str) -> None:
    error = fault(altered(postgres_url, path="/no_such_database"))
    assert error.__suppress_context__
    assert not isinstance(error.__cause__, psycopg.Error)
