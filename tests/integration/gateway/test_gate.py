"""The boot gate on real servers: one exit code per class, one message, nothing secret in it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from compose.embedded.ports import free_port
from store.ledger import StoreLock, create_ledger, holder_name
from tests.integration.gateway.conftest import Gateway, federated, prepare, standalone, with_port

CANARY = "canary-7Qx9#secret"
MakeGateway = Callable[..., Gateway]


def assert_refused(gateway: Gateway, exit_code: int, code: str, *, within_s: float = 20.0) -> str:
    """Start it, and check exit code, message, log line, state file, and that no secret is in any of them."""
    returned, printed, took = gateway.refuse()
    assert returned == exit_code, printed
    assert took < within_s
    event = json.loads(printed.strip().splitlines()[-1])
    assert (event["event"], event["code"], event["exit_code"]) == ("gateway.refused", code, exit_code)
    for word in ("Found:", "Expected:", "Fix:", f"Code:     {code}"):
        assert word in printed
    state = (gateway.home / "run" / "gateway-state.json").read_text()
    assert json.loads(state)["refusal"]["code"] == code
    for secret in (CANARY, quote(CANARY, safe="")):
        assert secret not in printed + state
    return printed


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", f":{quote(password, safe='')}@")


def test_a_malformed_configuration_is_refused(make_gateway: MakeGateway) -> None:
    assert make_gateway("{").refuse()[0] == 78


def test_every_problem_of_a_configuration_is_named(make_gateway: MakeGateway, store_url: str) -> None:
    document = {**standalone(store_url), "qeue": {}, "tier": "standalon"}
    printed = make_gateway(document).refuse()[1]
    assert "qeue" in printed
    assert "standalon" in printed


def test_a_pglite_store_is_refused_as_not_in_this_version(make_gateway: MakeGateway) -> None:
    document = {
        "version": 1,
        "tier": "local",
        "storage": {"type": "pglite", "dataDir": "data"},
        "queue": {"type": "local"},
        "memory": {"type": "keyword"},
    }
    assert_refused(make_gateway(document), 78, "MOS-GW-001")


def test_a_server_that_is_down_is_refused_within_6_s(make_gateway: MakeGateway, store_url: str) -> None:
    gateway = make_gateway(standalone(with_password(with_port(store_url, free_port()), CANARY)))
    assert_refused(gateway, 69, "MOS-PG-002")


def test_a_port_that_never_answers_is_refused_within_6_s(
    make_gateway: MakeGateway, store_url: str, black_hole: int
) -> None:
    queue = {"type": "bullmq", "url": f"redis://:{quote(CANARY)}@127.0.0.1:{black_hole}/0"}
    gateway = make_gateway(standalone(with_password(with_port(store_url, black_hole), CANARY), queue))
    assert_refused(gateway, 69, "MOS-PG-003", within_s=9.0)  # 6 s for the decision, the rest starts the process


def test_a_wrong_password_is_refused(make_gateway: MakeGateway, store_url: str) -> None:
    assert_refused(make_gateway(standalone(with_password(store_url, CANARY))), 77, "MOS-PG-005")


def test_a_database_that_is_not_there_is_refused(make_gateway: MakeGateway, store_url: str) -> None:
    database = urlsplit(store_url).path.lstrip("/")
    assert_refused(make_gateway(standalone(store_url.replace(database, "nowhere"))), 78, "MOS-PG-006")


def test_a_database_without_the_store_is_refused(
    make_gateway: MakeGateway, plain_postgres: Any, make_database: Any
) -> None:
    assert_refused(make_gateway(standalone(make_database(plain_postgres))), 76, "MOS-GW-006")


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


def test_a_running_migration_is_refused_with_its_holder(make_gateway: MakeGateway, store_url: str) -> None:
    with StoreLock(store_url, "exclusive", holder_name("mig", epoch=7)):
        printed = assert_refused(make_gateway(standalone(store_url)), 75, "MOS-STO-021")
    assert "epoch 7" in printed


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


def test_a_taken_port_is_refused_naming_port_and_setting(make_gateway: MakeGateway, store_url: str) -> None:
    first = make_gateway(standalone(store_url))
    first.start()
    second = make_gateway(standalone(store_url), MOSAIC_GATEWAY_PORT=str(first.port))
    printed = assert_refused(second, 78, "MOS-ENV-003")
    assert str(first.port) in printed
    assert "MOSAIC_GATEWAY_PORT" in printed


def test_a_standalone_gateway_holds_none_of_the_federated_modules(make_gateway: MakeGateway, store_url: str) -> None:
    gateway = make_gateway(standalone(store_url))
    dump = gateway.home / "modules"
    program = (
        "import atexit, os, sys\n"
        f"atexit.register(lambda: open({str(dump)!r} + str(os.getpid()), 'w').write(' '.join(sys.modules)))\n"
        "from mosaic_admin.cli import main\nmain(['gateway', 'start'])\n"
    )
    gateway.start(python=["-c", program])
    assert gateway.ask("GET", "/v1/tasks").status_code == 200
    assert gateway.stop() == 0
    processes = [set(path.read_text().split()) for path in gateway.home.glob("modules*")]
    assert len(processes) == 2  # gunicorn's master and its worker
    for modules in processes:
        assert "gateway.api" in modules or "gateway.gate" in modules
        assert not {
            name
            for name in modules
            if name.split(".")[0] in ("federation", "pgvector", "compose", "migration", "celery")
            or name.startswith("store.vector")
        }
