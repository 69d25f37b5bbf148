"""What the store's ledger and lock say, what stands between us and the server, and false readiness."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from doctor.findings import Status
from doctor.report import Light
from store.ledger import StoreLock, create_ledger, holder_name
from tests.integration.doctor.conftest import WriteConfig, codes_of, found, report_on
from tests.servers import MakeDatabase


@pytest.fixture
def store_url(postgres: EmbeddedPostgres, make_database: MakeDatabase) -> str:
    return make_database(postgres, "vector")


def begin_run(url: str, state: str) -> None:
    with psycopg.connect(url) as connection:
        create_ledger(connection)
        connection.execute(
            "INSERT INTO mosaic_migration.run (run_id, ledger_version, epoch, state, phase, source_system,"
            " source_database, source_label, target_system, target_database, plan_hash, plan, holder, job_number,"
            " engine_version)"
            " VALUES (gen_random_uuid(), 1, 1, %s, 'copy', '1', 'a', 'a', '2', 'b', 'h', '{}', '', 7, '1')",
            (state,),
        )


@pytest.mark.parametrize("state", ["preparing", "copying", "loaded", "failed"])
def test_an_unfinished_run_is_red_and_says_how_to_resume(
    state: str, store_url: str, valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    begin_run(store_url, state)
    report = report_on(write_config(store_url, valkey.url))
    assert codes_of(report) == ["MOS-STO-020"]
    assert "Run #7 into this store stopped in the phase copy" in found(report, "store.migration").message


@pytest.mark.parametrize("state", ["verified", "cancelled"])
def test_a_finished_or_cancelled_run_is_green(
    state: str, store_url: str, valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    begin_run(store_url, state)
    assert report_on(write_config(store_url, valkey.url)).status is Light.GREEN


def test_a_migration_at_work_is_a_warning_that_names_it(
    store_url: str, valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    begin_run(store_url, "copying")
    lock = StoreLock(store_url, "exclusive", holder_name("mig", epoch=3, host="atlas-01", process=4127))
    lock.acquire()
    try:
        report = report_on(write_config(store_url, valkey.url))
    finally:
        lock.release()
    assert codes_of(report) == ["MOS-STO-021"]
    assert "A migration on atlas-01 (process 4127, epoch 3) is at work" in found(report, "store.migration").message


def test_a_gateway_with_the_lock_is_as_it_should_be_and_a_stranger_is_not(
    store_url: str, valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    with StoreLock(store_url, "shared", holder_name("gw")):
        assert report_on(write_config(store_url, valkey.url)).status is Light.GREEN
    with psycopg.connect(store_url, application_name="somebody") as connection:
        connection.execute("SELECT pg_advisory_lock(%s::int, 1)", (0x4D4F5341,))
        report = report_on(write_config(store_url, valkey.url))
    assert codes_of(report) == ["MOS-STO-022"]
    assert "somebody" in found(report, "store.lock").message


def test_some_of_the_stores_tables_without_the_others_are_a_warning(
    store_url: str, valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    with psycopg.connect(store_url) as connection:
        connection.execute("CREATE TABLE users (id uuid PRIMARY KEY)")
    report = report_on(write_config(store_url, valkey.url))
    assert codes_of(report) == ["MOS-PG-028"]
    assert "team_members" in found(report, "store.tables").message


@contextmanager
def pooler_before(server: EmbeddedPostgres) -> Iterator[int]:
    """Stand between client and server and, as poolers do, answer the sign-in with a process number of our own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=between, args=(client, server), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def between(client: socket.socket, server: EmbeddedPostgres) -> None:
    with client, socket.create_connection((server.host, server.port)) as upstream:
        asking = threading.Thread(target=pump, args=(client, upstream), daemon=True)
        asking.start()
        pump(upstream, client)
        asking.join(5)


def pump(origin: socket.socket, to: socket.socket) -> None:
    """Hand on what comes; in the server's answers put another process number into BackendKeyData."""
    try:
        while data := origin.recv(65536):
            key = data.find(b"K\x00\x00\x00\x0c")
            if key >= 0:
                data = data[: key + 5] + struct.pack("!I", 999_999) + data[key + 9 :]
            to.sendall(data)
        to.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def test_a_pooler_in_between_is_found_by_its_own_process_number(
    postgres: EmbeddedPostgres, store_url: str, valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    with pooler_before(postgres) as port:
        report = report_on(write_config(store_url.replace(f":{postgres.port}/", f":{port}/"), valkey.url))
    assert codes_of(report) == ["MOS-PG-023"]
    assert ("Process at sign-in", "999999") in found(report, "postgres.direct").evidence


@contextmanager
def starting_server() -> Iterator[int]:
    """Speak PostgreSQL's protocol as a recovering server does: it takes the connection and refuses the session."""
    refusal = b"SFATAL\x00VFATAL\x00C57P03\x00Mthe database system is starting up\x00\x00"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    asked = client.recv(8)
                    if asked[4:] == struct.pack("!i", 80877103):
                        client.sendall(b"N")
                        if not client.recv(4096):
                            continue
                    client.sendall(b"E" + struct.pack("!i", len(refusal) + 4) + refusal)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_a_server_that_is_still_starting_is_called_that_and_not_ready(
    valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    with starting_server() as port:
        report = report_on(write_config(f"postgresql://u:pw@127.0.0.1:{port}/m", valkey.url))
    assert codes_of(report) == ["MOS-PG-007"]
    assert found(report, "postgres.query").status is Status.SKIP
