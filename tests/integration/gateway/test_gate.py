"""The boot gate on real servers: one exit code per class, one message, nothing secret in it."""

from __future__ import annotations

import json
import socket
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from compose.embedded.ports import free_port
from doctor.findings import failed
from doctor.report import Report
from gateway import gate
from gateway.gate import decide
from gateway.probes import StoreServable
from store.ledger import StoreLock, create_ledger, holder_name
from tests.integration.gateway.conftest import federated, prepare, standalone, with_port
from tests.integration.gateway.refusals import (
    CANARY,
    MakeGateway,
    assert_command_refuses,
    assert_refused,
    with_password,
)
from tiers import codes as tier_codes


def test_a_malformed_configuration_is_refused(make_gateway: MakeGateway) -> None:
    assert_command_refuses(make_gateway("{"), 78, "MOS-CFG-001")


def test_every_problem_of_a_configuration_is_named(make_gateway: MakeGateway, store_url: str) -> None:
    document = {**standalone(store_url), "qeue": {}, "tier": "standalon"}
    facts = assert_refused(make_gateway(document), 78, "MOS-CFG-001")
    assert "qeue" in facts["found"]
    assert "standalon" in facts["found"]


def test_a_server_that_is_down_is_refused_within_6_s(make_gateway: MakeGateway, store_url: str) -> None:
    gateway = make_gateway(standalone(with_password(with_port(store_url, free_port()), CANARY)))
    assert_refused(gateway, 69, "MOS-PG-002")


def test_a_port_that_never_answers_is_refused_within_6_s(
    make_gateway: MakeGateway, store_url: str, black_hole: int
) -> None:
    queue = {"type": "bullmq", "url": f"redis://:{quote(CANARY)}@127.0.0.1:{black_hole}/0"}
    gateway = make_gateway(standalone(with_password(with_port(store_url, black_hole), CANARY), queue))
    assert_refused(gateway, 69, "MOS-PG-003")


def test_a_wrong_password_is_refused(make_gateway: MakeGateway, store_url: str) -> None:
    assert_command_refuses(make_gateway(standalone(with_password(store_url, CANARY))), 77, "MOS-PG-005")


def test_a_database_that_is_not_there_is_refused(make_gateway: MakeGateway, store_url: str) -> None:
    database = urlsplit(store_url).path.lstrip("/")
    assert_refused(make_gateway(standalone(store_url.replace(database, "nowhere"))), 78, "MOS-PG-006")


def test_a_database_without_the_store_is_refused(
    make_gateway: MakeGateway, plain_postgres: Any, make_database: Any
) -> None:
    assert_refused(make_gateway(standalone(make_database(plain_postgres))), 76, "MOS-GW-006")


def test_the_camel_case_tables_of_an_older_install_are_refused(make_gateway: MakeGateway, store_url: str) -> None:
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute('ALTER TABLE tasks RENAME COLUMN owner_id TO "ownerId"')
    assert "tasks" in assert_refused(make_gateway(standalone(store_url)), 76, "MOS-GW-006")["found"]


def test_store_prepare_makes_a_new_store_that_can_be_served(
    make_gateway: MakeGateway, plain_postgres: Any, make_database: Any
) -> None:
    gateway = make_gateway(standalone(make_database(plain_postgres)))
    prepared = gateway.run("store", "prepare", timeout_s=60.0)
    assert prepared.returncode == 0, prepared.stderr
    assert decide(gateway.config, wait_s=0.0).config.tier == "standalone"
    assert gateway.run("store", "prepare", timeout_s=60.0).returncode == 0


def test_federated_without_the_library_is_refused(
    make_gateway: MakeGateway, plain_postgres: Any, make_database: Any, valkey: Any
) -> None:
    assert_refused(make_gateway(federated(make_database(plain_postgres), valkey.url)), 76, "MOS-PGV-001")


def test_federated_without_the_extension_enabled_is_refused(
    make_gateway: MakeGateway, postgres: Any, make_database: Any, valkey: Any
) -> None:
    assert_refused(make_gateway(federated(make_database(postgres), valkey.url)), 76, "MOS-PGV-003")


def test_federated_with_a_wrong_valkey_password_is_refused(
    make_gateway: MakeGateway, postgres: Any, make_database: Any, valkey: Any, django_db_blocker: Any
) -> None:
    url = make_database(postgres)
    with django_db_blocker.unblock():
        prepare(url, vector=True)
    assert_refused(make_gateway(federated(url, with_password(valkey.url, CANARY))), 77, "MOS-VK-005")


def test_federated_serves_when_everything_is_there(
    make_gateway: MakeGateway, postgres: Any, make_database: Any, valkey: Any, django_db_blocker: Any
) -> None:
    url = make_database(postgres)
    with django_db_blocker.unblock():
        prepare(url, vector=True, tasks=3)
    gateway = make_gateway(federated(url, valkey.url))
    gateway.start()
    assert len(gateway.ask("GET", "/v1/tasks").json()["items"]) == 3
    event = json.loads(next(line for line in gateway.log.read_text().splitlines() if "gateway.admitted" in line))
    assert (event["tier"], event["warnings"]) == ("federated", [])
    assert 0 < event["decided_ms"] < 6_000
    assert urlsplit(url).password not in json.dumps(event)


def test_a_running_migration_is_refused_with_its_holder(make_gateway: MakeGateway, store_url: str) -> None:
    with StoreLock(store_url, "exclusive", holder_name("mig", epoch=7)):
        facts = assert_refused(make_gateway(standalone(store_url)), 75, "MOS-STO-021")
    assert "epoch 7" in facts["found"]


def add_run(url: str, state: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        create_ledger(connection)
        connection.execute(
            "INSERT INTO mosaic_migration.run (run_id, ledger_version, epoch, state, phase, source_system,"
            " source_database, source_label, target_system, target_database, plan_hash, plan, holder, engine_version)"
            " VALUES (%s, 1, 1, %s, 'copy', '1', 'a', 'a', '2', 'b', 'h', '{}', '', '0')",
            (uuid.uuid4(), state),
        )


def test_an_unfinished_migration_is_refused(make_gateway: MakeGateway, store_url: str) -> None:
    add_run(store_url, "copying")
    assert_refused(make_gateway(standalone(store_url)), 75, "MOS-STO-020")


def test_the_first_write_after_a_migration_is_noted_in_the_ledger(make_gateway: MakeGateway, store_url: str) -> None:
    add_run(store_url, "verified")
    gateway = make_gateway(standalone(store_url))
    gateway.start()

    def stamp() -> Any:
        with psycopg.connect(store_url) as connection:
            row = connection.execute("SELECT first_write_at FROM mosaic_migration.run").fetchone()
        assert row
        return row[0]

    task = gateway.ask("GET", "/v1/tasks").json()["items"][0]
    assert stamp() is None
    assert gateway.ask("PATCH", f"/v1/tasks/{task['id']}", json={"title": "changed"}).status_code == 200
    first = stamp()
    assert first is not None
    assert gateway.ask("PATCH", f"/v1/tasks/{task['id']}", json={"title": "again"}).status_code == 200
    assert stamp() == first


@pytest.mark.parametrize("state", ["active", "nonsense"])
def test_a_cutover_record_that_disagrees_is_refused(make_gateway: MakeGateway, store_url: str, state: str) -> None:
    gateway = make_gateway(standalone(store_url))
    (gateway.home / "cutover.json").write_text(json.dumps({"version": 1, "state": state}))
    assert_refused(gateway, 78, "MOS-GW-002" if state == "active" else "MOS-GW-003")


def test_a_service_that_is_starting_is_asked_again_until_the_wait_is_over(
    make_gateway: MakeGateway, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server in start-up cannot be held there: the finding is the doctor's own, the rest is real."""
    gateway, waits = make_gateway(standalone(store_url)), []
    starting = failed(tier_codes.PG_STARTING, "PostgreSQL is still starting.", "Wait.")
    answers = [Report("standalone", (), (starting,), datetime.now(UTC), 1) for _ in range(2)]
    ask = gate.check_services
    monkeypatch.setattr(gate, "check_services", lambda config: answers.pop() if answers else ask(config))
    assert decide(gateway.config, wait_s=30.0, sleep=waits.append).config.tier == "standalone"
    assert len(waits) == 2


def test_a_service_that_starts_for_too_long_is_refused(
    make_gateway: MakeGateway, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting = failed(tier_codes.PG_STARTING, "PostgreSQL is still starting.", "Wait.")
    report = Report("standalone", (), (starting,), datetime.now(UTC), 1)
    monkeypatch.setattr(gate, "check_services", lambda config: report)
    assert_refused(make_gateway(standalone(store_url)), 69, "MOS-PG-007")


def test_a_check_that_crashes_refuses_the_start(
    make_gateway: MakeGateway, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor calls it unknown and goes on; a gate that serves on a guess is none."""

    def crash(self: StoreServable, context: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(StoreServable, "ask", crash)
    assert_refused(make_gateway(standalone(store_url)), 70, "MOS-DOC-002")


def test_a_taken_port_is_refused_naming_port_and_setting(make_gateway: MakeGateway, store_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        printed = assert_command_refuses(
            make_gateway(standalone(store_url), MOSAIC_GATEWAY_PORT=port), 78, "MOS-ENV-003"
        )
    assert port in printed
    assert "MOSAIC_GATEWAY_PORT" in printed
