"""A server that speaks another language is understood: what it means is in the SQLSTATE, not in its words.

The embedded server has no translations, so a relay puts its real refusals into German on the way, as `lc_messages`
would: the same states, other words, and "SSL" among them where English has none.
"""

from __future__ import annotations

import gc
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest

from mosaic_admin.errors import MosaicError
from tests.servers import EmbeddedPostgres, MakeDatabase
from tiers import postgres as pg
from tiers.signin import sqlstate_of

GERMAN = "Verbindung zurückgewiesen für Host »10.0.0.1«, kein SSL, Zertifikat timeout canary-words"


def in_german(message: bytes) -> bytes:
    """Put the severity and the words of one ErrorResponse into German; its SQLSTATE stays."""
    fields = [part for part in message[5:].split(b"\0") if part]
    words = {b"S": b"Schwerwiegend", b"M": GERMAN.encode()}
    body = b"".join(part[:1] + words.get(part[:1], part[1:]) + b"\0" for part in fields) + b"\0"
    return b"E" + struct.pack("!i", len(body) + 4) + body


def from_server(server: socket.socket) -> Iterator[bytes]:
    """Yield the server's messages whole; the answer to a request for TLS is a single letter."""
    waiting = b""
    while chunk := server.recv(65536):
        waiting += chunk
        if waiting in (b"S", b"N"):
            yield waiting
            waiting = b""
        while len(waiting) >= 5 and len(waiting) > (length := struct.unpack("!i", waiting[1:5])[0]):
            yield waiting[: length + 1]
            waiting = waiting[length + 1 :]


def relay(client: socket.socket, port: int) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as server:

        def up() -> None:
            try:
                while chunk := client.recv(65536):
                    server.sendall(chunk)
                server.shutdown(socket.SHUT_WR)
            except OSError:
                return

        thread = threading.Thread(target=up, daemon=True)
        thread.start()
        try:
            for message in from_server(server):
                client.sendall(in_german(message) if message[:1] == b"E" else message)
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        thread.join(5)


@contextmanager
def german(port: int) -> Iterator[int]:
    """A port in front of the server at `port`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    client = listener.accept()[0]
                except OSError:
                    return
                threading.Thread(target=relay, args=(client, port), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def prepare(fault: str, url: str) -> str:
    """Bring the fault about on the real server; return the URL that meets it."""
    parts = urlsplit(url)
    database = parts.path.lstrip("/")
    role = url.replace(f"{parts.username}:{parts.password}@", "foreign_words:role-password-1@")
    with psycopg.connect(url.replace(f"/{database}", "/postgres"), autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS foreign_words")
        admin.execute("CREATE ROLE foreign_words LOGIN PASSWORD 'role-password-1'")
        match fault:
            case "password":
                return url.replace(f":{parts.password}@", ":wrong-canary@")
            case "database":
                return url.replace(f"/{database}", "/no_such_database")
            case "closed database":
                admin.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
                return url
            case "right to connect":
                admin.execute(f'REVOKE CONNECT ON DATABASE "{database}" FROM PUBLIC')
                return role
            case "connections":
                admin.execute("ALTER ROLE foreign_words CONNECTION LIMIT 0")
                return role
            case _:
                admin.execute("ALTER ROLE foreign_words NOLOGIN")
                return role


@pytest.mark.parametrize("language", ["English", "German"])
@pytest.mark.parametrize(
    ("fault", "code", "state"),
    [
        ("password", "MOS-PG-005", "28P01"),
        ("sign-in not allowed", "MOS-PG-005", "28000"),
        ("database", "MOS-PG-006", "3D000"),
        ("closed database", "MOS-PG-006", "55000"),
        ("right to connect", "MOS-PG-009", "42501"),
        ("connections", "MOS-PG-008", "53300"),
    ],
)
def test_a_refused_sign_in_has_its_code_in_every_language(
    fault: str, code: str, state: str, language: str, postgres: EmbeddedPostgres, make_database: MakeDatabase
) -> None:
    url = prepare(fault, make_database(postgres))
    with german(postgres.port) as port:
        if language == "German":
            url = url.replace(f":{postgres.port}/", f":{port}/")
        with pytest.raises(MosaicError) as caught:
            pg.connect(url, application_name="foreign-words")
    assert (caught.value.code.id, caught.value.context["sqlstate"]) == (code, state)
    assert "canary" not in str(caught.value.as_dict())


def test_an_address_list_tells_the_state_of_its_last_server(
    postgres: EmbeddedPostgres, make_database: MakeDatabase
) -> None:
    parts = urlsplit(make_database(postgres))
    url = f"postgresql://{parts.username}:wrong@127.0.0.1:1,127.0.0.1:{parts.port}{parts.path}"
    with pytest.raises(MosaicError) as caught:
        pg.connect(url, application_name="foreign-words")
    assert caught.value.code.id == "MOS-PG-005"


def test_a_sign_in_that_takes_too_long_leaves_no_connection_open() -> None:
    gc.disable()  # what only the cycle collector closes is open for as long as nothing else happens
    try:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            with pytest.raises(MosaicError, match="No answer within"):
                pg.connect(f"postgresql://u:p@127.0.0.1:{port}/d", application_name="foreign-words", timeout_s=2)
            client = silent.accept()[0]
            with client:
                client.settimeout(5)
                while client.recv(1024):  # the request for TLS, then the end
                    continue
    finally:
        gc.enable()


def test_the_words_of_a_statements_error_are_whole_again_after_the_sign_in(
    postgres: EmbeddedPostgres, make_database: MakeDatabase
) -> None:
    with pg.connect(make_database(postgres), application_name="foreign-words") as connection:
        with pytest.raises(psycopg.Error, match="does not exist") as caught:
            connection.execute("SELECT * FROM nothing_of_this_name")
        assert sqlstate_of(caught.value) == "42P01"
