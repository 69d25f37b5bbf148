"""Every fault of PostgreSQL and pgvector, on a real server, as one code with a fix."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

import psycopg
import pytest

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from doctor.findings import Finding, Status, passed
from doctor.probe import Context
from doctor.probes.postgres import PostgresProbe, connection_of, postgres_ladder
from doctor.report import Light
from doctor.runner import run_probes
from tests.integration.doctor.conftest import (
    WriteConfig,
    as_role,
    closed_port,
    codes_of,
    found,
    greeting_port,
    report_on,
    silent_port,
)
from tests.servers import MakeDatabase
from tests.stalls import stalls


def test_a_federated_install_in_order_is_green_and_its_services_tell_their_versions(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, make_database: MakeDatabase, write_config: WriteConfig
) -> None:
    report = report_on(write_config(make_database(postgres, "vector"), valkey.url))
    assert codes_of(report) == []
    assert report.status is Light.GREEN
    services = {item.name: item.as_dict() for item in report.services}
    assert services["postgres"]["version"].startswith("18.")
    assert services["pgvector"]["available"] == services["pgvector"]["installed"] == services["pgvector"]["version"]
    assert services["valkey"]["version"].startswith("9.")
    assert {item["status"] for item in services.values()} == {"pass"}
    assert "@" not in services["postgres"]["endpoint"]


def test_a_standalone_install_is_green_without_pgvector_and_is_not_asked_for_it(
    plain_postgres: EmbeddedPostgres, valkey: EmbeddedValkey, make_database: MakeDatabase, write_config: WriteConfig
) -> None:
    report = report_on(write_config(make_database(plain_postgres), valkey.url, tier="standalone"))
    assert report.status is Light.GREEN
    assert "pgvector" not in {item.name for item in report.services}


def test_probes_write_nothing(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, make_database: MakeDatabase, write_config: WriteConfig
) -> None:
    url = make_database(postgres, "vector")
    with psycopg.connect(url, autocommit=True) as connection:
        question = "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text"
        before = connection.execute(question).fetchone()
        report_on(write_config(url, valkey.url))
        assert connection.execute(question).fetchone() == before


def test_a_report_opens_one_session_and_leaves_none_behind(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, make_database: MakeDatabase, write_config: WriteConfig
) -> None:
    url = make_database(postgres, "vector")
    with psycopg.connect(url, autocommit=True) as connection:
        sessions = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
        report_on(write_config(url, valkey.url))
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:  # the server counts a session when it ends
            left = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mosaic-doctor'"
            ).fetchone()
            if left == (0,):
                break
            time.sleep(0.05)
        assert left == (0,)
        (count,) = connection.execute(sessions).fetchone() or (None,)
        assert count is not None
        assert count <= 3  # this one, the one that made the extension, and the probes' one


@pytest.mark.parametrize("service", ["postgres", "valkey"])
def test_a_refused_port_is_red_and_the_rest_waits_because_of_it(
    service: str,
    postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    make_database: MakeDatabase,
    write_config: WriteConfig,
) -> None:
    with closed_port() as port:
        storage = f"postgresql://mosaic:pw-canary@127.0.0.1:{port}/mosaic" if service == "postgres" else ""
        queue = f"redis://:pw-canary@127.0.0.1:{port}/0" if service == "valkey" else valkey.url
        report = report_on(write_config(storage or make_database(postgres, "vector"), queue))
    expected = {"postgres": "MOS-PG-002", "valkey": "MOS-VK-002"}[service]
    assert codes_of(report) == [expected]
    assert found(report, f"{service}.port").status is Status.FAIL
    assert {item.caused_by.id for item in report.findings if item.caused_by} == {expected}
    remedy = found(report, f"{service}.port").remediation
    assert remedy is not None
    assert str(port) in (remedy.command or "")


def test_an_unknown_host_is_named_as_such(write_config: WriteConfig, valkey: EmbeddedValkey) -> None:
    report = report_on(write_config("postgresql://mosaic:pw@no-such-host.invalid:5432/mosaic", valkey.url))
    assert codes_of(report) == ["MOS-PG-001"]


def test_with_everything_hanging_the_report_comes_within_six_seconds_and_names_each_timeout(
    write_config: WriteConfig,
) -> None:
    with silent_port() as storage, silent_port() as queue:
        path = write_config(
            f"postgresql://u:pw-canary@127.0.0.1:{storage}/m", f"redis://:pw-canary@127.0.0.1:{queue}/0"
        )
        with stalls() as machine:
            begun = time.monotonic()
            report = report_on(path)
            took = time.monotonic() - begun
    assert took - machine.seconds <= 6.0
    assert took >= 4.5  # it did wait for the services
    assert set(codes_of(report)) == {"MOS-PG-003", "MOS-VK-003"}
    for finding in report.root_causes:
        limit = re.search(r"No answer within (\d\.\d) s", finding.message)
        assert limit, finding.message
        assert 4.0 <= float(limit[1]) <= 5.0  # what was left of the ladder's five seconds
    assert report.exit_code() == 2


def test_a_frozen_server_is_a_timeout(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, make_database: MakeDatabase, write_config: WriteConfig
) -> None:
    path = write_config(make_database(postgres, "vector"), valkey.url)
    with frozen(postgres):
        report = report_on(path)
    assert codes_of(report) == ["MOS-PG-003"]
    assert report.duration_ms <= 6000


@dataclass(frozen=True)
class Sleeps(PostgresProbe):
    """A question that the server answers much too late."""

    name: ClassVar[str] = "postgres.sleeps"
    requires: ClassVar[tuple[str, ...]] = ("postgres.query",)

    def ask(self, context: Context) -> Finding:
        connection_of(context).execute("SELECT pg_sleep(60)")
        return passed("slept")


def test_a_query_that_hangs_is_cut_and_leaves_neither_thread_nor_session(
    postgres: EmbeddedPostgres, make_database: MakeDatabase
) -> None:
    url = make_database(postgres)
    before = set(threading.enumerate())
    report = run_probes([*postgres_ladder(url), Sleeps(url)], deadline_s=2.0)
    assert found(report, "postgres.sleeps").message == "No answer within 1.7 s."
    assert codes_of(report) == ["MOS-PG-003"]
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(5)
    assert not [thread for thread in left if thread.is_alive()]


@contextmanager
def frozen(server: EmbeddedPostgres) -> Iterator[None]:
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_something_else_on_the_port_is_not_called_postgresql(valkey: EmbeddedValkey, write_config: WriteConfig) -> None:
    with greeting_port(b"220 mail.example ESMTP\r\n") as port:
        report = report_on(write_config(f"postgresql://u:pw@127.0.0.1:{port}/m", valkey.url))
    assert codes_of(report) == ["MOS-PG-027"]
    assert found(report, "postgres.sign-in").status is Status.SKIP


def test_a_wrong_password_is_told_apart_from_a_missing_database(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    wrong = postgres.url_for("postgres", password="wrong-canary-pw")
    report = report_on(write_config(wrong, valkey.url))
    assert codes_of(report) == ["MOS-PG-005"]
    assert "canary" not in str([item.as_dict() for item in report.findings])
    report = report_on(write_config(postgres.url_for("no_such_database"), valkey.url))
    assert codes_of(report) == ["MOS-PG-006"]
    remedy = found(report, "postgres.sign-in").remediation
    assert remedy is not None
    assert (remedy.command or "").startswith("createdb -h 127.0.0.1")
    assert (remedy.command or "").endswith(" no_such_database")


def test_the_missing_library_is_the_only_cause_and_the_rest_of_pgvector_waits(
    plain_postgres: EmbeddedPostgres, valkey: EmbeddedValkey, make_database: MakeDatabase, write_config: WriteConfig
) -> None:
    report = report_on(write_config(make_database(plain_postgres), valkey.url))
    assert codes_of(report) == ["MOS-PGV-001"]
    assert found(report, "pgvector.version").message == "Not asked, because of MOS-PGV-001 (pgvector.library)."
    service = next(item.as_dict() for item in report.services if item.name == "pgvector")
    assert (service["available"], service["installed"]) == (None, None)


def test_not_enabled_gives_a_superuser_the_command(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, make_database: MakeDatabase, write_config: WriteConfig
) -> None:
    url = make_database(postgres)
    report = report_on(write_config(url, valkey.url))
    assert codes_of(report) == ["MOS-PGV-003"]
    assert found(report, "pgvector.loads").status is Status.PASS
    remedy = found(report, "pgvector.enabled").remediation
    assert remedy is not None
    assert "CREATE EXTENSION IF NOT EXISTS vector" in (remedy.command or "")
    assert f"-d {urlsplit(url).path[1:]}" in (remedy.command or "")


def test_not_permitted_is_what_a_database_owner_meets_and_the_library_stays_unknown(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, make_database: MakeDatabase, write_config: WriteConfig
) -> None:
    owner = as_role(make_database(postgres), "doctor_owner")
    report = report_on(write_config(owner, valkey.url))
    assert codes_of(report) == ["MOS-PGV-002", "MOS-PGV-009"]
    assert found(report, "pgvector.loads").status is Status.UNKNOWN


def test_a_broken_library_is_seen_before_it_is_enabled(
    broken_postgres: EmbeddedPostgres, valkey: EmbeddedValkey, make_database: MakeDatabase, write_config: WriteConfig
) -> None:
    report = report_on(write_config(make_database(broken_postgres), valkey.url))
    assert codes_of(report) == ["MOS-PGV-004"]
    assert ("SQLSTATE", "58P01") in found(report, "pgvector.loads").evidence


def test_a_role_without_the_right_to_create_is_a_warning_with_the_grant(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, make_database: MakeDatabase, write_config: WriteConfig
) -> None:
    url = make_database(postgres, "vector")
    reader = as_role(url, "doctor_reader")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{connection.info.dbname}" OWNER TO admin')
    report = report_on(write_config(reader, valkey.url))
    assert codes_of(report) == ["MOS-PG-020"]
    assert report.status is Light.YELLOW


def test_a_read_only_database_and_a_wrong_encoding_are_failures(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, make_database: MakeDatabase, write_config: WriteConfig
) -> None:
    url = make_database(postgres, "vector")
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    assert codes_of(report_on(write_config(url, valkey.url))) == ["MOS-PG-011"]
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(
            "CREATE DATABASE doctor_latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
        try:
            latin = postgres.url_for("doctor_latin")
            assert "MOS-PG-025" in codes_of(report_on(write_config(latin, valkey.url)))
        finally:
            connection.execute("DROP DATABASE doctor_latin WITH (FORCE)")
