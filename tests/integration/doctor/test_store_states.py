"""What the store's ledger and lock say, what stands between us and the server, and false readiness."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from doctor.findings import Status
from doctor.report import Light
from store.ledger import StoreLock, holder_name
from tests.integration.doctor.conftest import WriteConfig, begin_run, codes_of, found, report_on
from tests.integration.doctor.odd_servers import pgbouncer
from tests.servers import MakeDatabase


@pytest.fixture
def store_url(postgres: EmbeddedPostgres, make_database: MakeDatabase) -> str:
    return make_database(postgres, "vector")


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


def test_a_pooler_in_between_is_found_by_its_own_process_number(
    store_url: str, valkey: EmbeddedValkey, write_config: WriteConfig, tmp_path: Path
) -> None:
    with pgbouncer(store_url, tmp_path / "pgbouncer") as url:
        report = report_on(write_config(url, valkey.url))
    assert codes_of(report) == ["MOS-PG-023"]
    said, asked = (value for _, value in found(report, "postgres.direct").evidence)
    assert said != asked


def test_a_server_that_is_still_starting_is_called_that_and_not_ready(
    starting_postgres: EmbeddedPostgres, valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    report = report_on(write_config(starting_postgres.url, valkey.url))
    assert codes_of(report) == ["MOS-PG-007"]
    assert found(report, "postgres.query").status is Status.SKIP


def test_a_pooler_that_refuses_the_password_is_no_lost_connection(
    store_url: str, valkey: EmbeddedValkey, write_config: WriteConfig, tmp_path: Path
) -> None:
    """PgBouncer has one SQLSTATE for everything that it refuses."""
    with pgbouncer(store_url, tmp_path / "pgbouncer") as url:
        report = report_on(write_config(url.replace("@", "x@", 1), valkey.url))
    assert codes_of(report) == ["MOS-PG-005"]
