"""The local tier: a gateway on a real PGlite directory, from an empty folder to an agent's session."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway.conftest import Gateway, end, new_gateway
from tests.integration.gateway.refusals import assert_command_refuses, assert_refused
from tests.pglite import MakeDirectory, held_open
from tiers.pglite import engines
from tiers.pglite.directory import DirectoryLock, lock_holder
from tiers.pglite.host import running

OWNER = "00000000-0000-4000-8000-000000000001"
MakeGateway = Callable[..., Gateway]


def local(directory: Path | str) -> dict[str, Any]:
    return {
        "version": 1,
        "tier": "local",
        "storage": {"type": "pglite", "dataDir": str(directory)},
        "queue": {"type": "local"},
        "memory": {"type": "keyword"},
    }


def add_owner(directory: Path) -> None:
    with running(directory) as host, host.connect(application_name="t") as connection:
        connection.execute("INSERT INTO users (id, email) VALUES (%s, 'ada@example.org')", (OWNER,))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that `mosaic store prepare` made from nothing, with one user; to be copied."""
    gateway = new_gateway(tmp_path_factory.mktemp("store") / "gateway", local("store"))
    prepared = gateway.run("store", "prepare", timeout_s=120)
    assert prepared.returncode == 0, prepared.stderr
    add_owner(gateway.home / "store")
    return gateway.home / "store"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Iterator[Gateway]:
    gateway = new_gateway(tmp_path_factory.mktemp("local") / "gateway", local("store"))
    shutil.copytree(store, gateway.home / "store")
    gateway.start()
    yield gateway
    end(gateway)


@pytest.fixture
def gateway(shared: Gateway) -> Iterator[Gateway]:
    yield shared
    if shared.state() != "serving":
        shared.ask("POST", "/control/resume")
        shared.wait_for("serving", 20)


def engine_of(gateway: Gateway) -> int:
    holder = lock_holder(gateway.home / "store")
    assert holder is not None
    worker = holder.split(":")[1]
    children = " ".join(file.read_text() for file in Path(f"/proc/{worker}/task").glob("*/children"))
    return int(children.split()[0])


def test_an_agents_session_works_from_beginning_to_end(gateway: Gateway) -> None:
    """Open a conversation, append, read back, close; tasks, notes and search: all without PostgreSQL or Valkey."""
    ask = gateway.ask
    status = ask("GET", "/control/status").json()
    assert (status["tier"], status["state"]) == ("local", "serving")
    opened = ask("POST", "/v1/conversations", json={"owner_id": OWNER, "title": "Plan"})
    assert opened.status_code == 201, opened.text
    conversation = opened.json()["id"]
    for role, words in (("user", "find the zebra ☃"), ("assistant", "it is in the garden")):
        path = f"/v1/conversations/{conversation}/messages"
        assert ask("POST", path, json={"role": role, "content": words}).status_code == 201
    read = ask("GET", f"/v1/conversations/{conversation}/messages").json()["items"]
    assert [(row["seq"], row["content"]) for row in read] == [(1, "find the zebra ☃"), (2, "it is in the garden")]
    task = ask("POST", "/v1/tasks", json={"owner_id": OWNER, "title": "Feed the zebra", "labels": ["a", 'b"']}).json()
    note = ask("POST", "/v1/notes", json={"owner_id": OWNER, "body": "zebra: hay"}).json()
    done = ask("PATCH", f"/v1/tasks/{task['id']}", json={"status": "done"}).json()
    assert done["completed_at"]
    found = ask("GET", "/v1/search", params={"q": "zebra"}).json()["items"]
    assert {hit["id"] for hit in found} == {task["id"], note["id"], read[0]["id"]}
    assert ask("POST", f"/v1/conversations/{conversation}/close").json()["status"] == "archived"
    refused = ask("POST", f"/v1/conversations/{conversation}/messages", json={"role": "user", "content": "more"})
    assert refused.status_code == 409


def test_requests_that_come_at_once_are_served_one_after_the_other(gateway: Gateway) -> None:
    conversation = gateway.ask("POST", "/v1/conversations", json={"owner_id": OWNER}).json()["id"]
    path = f"/v1/conversations/{conversation}/messages"
    with ThreadPoolExecutor(5) as pool:
        rows = list(
            pool.map(lambda n: gateway.ask("POST", path, json={"role": "user", "content": f"m{n}"}).json(), range(10))
        )
    assert sorted(row["seq"] for row in rows) == list(range(1, 11))


def test_a_paused_gateway_lets_go_of_the_directory(gateway: Gateway) -> None:
    directory = gateway.home / "store"
    assert str(lock_holder(directory)).startswith("mosaic-gw ")
    assert gateway.run("gateway", "pause").returncode == 0
    with DirectoryLock(directory, "exclusive", "mosaic-mig somewhere:1:1"):
        busy = gateway.run("gateway", "resume")
        assert busy.returncode == 75, busy.stderr
        assert gateway.ask("GET", "/v1/tasks").status_code == 503
    assert gateway.run("gateway", "resume").returncode == 0
    assert gateway.ask("GET", "/v1/tasks").status_code == 200


def test_a_killed_engine_is_started_again_and_nothing_committed_is_lost(gateway: Gateway) -> None:
    note = gateway.ask("POST", "/v1/notes", json={"owner_id": OWNER, "body": "kept"}).json()
    os.kill(engine_of(gateway), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while (answer := gateway.ask("GET", f"/v1/notes/{note['id']}")).status_code != 200:
        assert answer.status_code == 503, answer.text
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert answer.json()["body"] == "kept"


def test_a_second_gateway_on_the_directory_is_refused_and_the_doctor_is_content(
    gateway: Gateway, make_gateway: MakeGateway
) -> None:
    second = make_gateway(local(gateway.home / "store"))
    facts = assert_refused(second, 75, "MOS-PGL-004")
    assert "mosaic-gw" in facts["found"]
    report = json.loads(gateway.run("gateway", "doctor", "--json", timeout_s=60).stdout)
    assert {f["status"] for f in report["findings"] if f["service"] == "pglite"} == {"pass"}, report["findings"]


def test_a_missing_directory_is_refused(make_gateway: MakeGateway) -> None:
    facts = assert_refused(make_gateway(local("none")), 69, "MOS-PGL-001")
    assert "mosaic store prepare" in facts["fix"]


def test_a_directory_of_another_major_is_refused(make_gateway: MakeGateway, make_directory: MakeDirectory) -> None:
    directory = make_directory("0.5")
    (directory / "PG_VERSION").write_text("15\n")
    assert_command_refuses(make_gateway(local(directory)), 76, "MOS-PGL-002")


def test_a_directory_that_another_program_has_open_is_refused(
    make_gateway: MakeGateway, make_directory: MakeDirectory
) -> None:
    directory = make_directory("0.5")
    with held_open("0.5", directory) as holder:
        facts = assert_refused(make_gateway(local(directory)), 75, "MOS-PGL-004")
        assert str(holder.process.pid) in facts["found"]


def test_engines_that_are_not_installed_are_refused_with_the_command(
    make_gateway: MakeGateway, make_directory: MakeDirectory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    directory = make_directory("0.5")
    monkeypatch.setattr(engines, "_folders", lambda: (tmp_path / "a", tmp_path / "b"))
    facts = assert_refused(make_gateway(local(directory)), 76, "MOS-PGL-005")
    assert "mosaic pglite install" in facts["fix"]


@pytest.mark.parametrize(("generation", "tables"), [("0.2", ""), ("0.5", 'CREATE TABLE tasks ("ownerId" text);')])
def test_a_directory_without_this_versions_tables_is_refused(
    generation: str, tables: str, make_gateway: MakeGateway, make_directory: MakeDirectory
) -> None:
    directory = make_directory(generation, tables) if tables else make_directory(generation)
    assert_refused(make_gateway(local(directory)), 76, "MOS-GW-006", within_s=20)


def test_a_gateway_that_ends_leaves_no_engine_and_no_socket(make_gateway: MakeGateway, store: Path) -> None:
    gateway = make_gateway(local("store"))
    shutil.copytree(store, gateway.home / "store")
    gateway.start()
    gateway.wait_for("serving", 20)
    engine = engine_of(gateway)
    program = Path(f"/proc/{engine}/cmdline").read_text()
    folder = Path(json.loads(program.split("\0")[2])["socket"]).parent
    assert folder.is_dir()
    assert gateway.stop() == 0
    assert not Path(f"/proc/{engine}").exists()
    assert not folder.exists()
    assert lock_holder(gateway.home / "store") is None


def test_the_local_gateway_loads_nothing_of_the_other_tiers(make_gateway: MakeGateway, store: Path) -> None:
    gateway = make_gateway(local("store"))
    shutil.copytree(store, gateway.home / "store")
    listing = gateway.home / "modules"
    program = (
        "import atexit, os, sys; "
        f"atexit.register(lambda: open({str(listing)!r} + str(os.getpid()), 'w').write(chr(10).join(sys.modules))); "
        "sys.argv = ['mosaic', 'gateway', 'start']; from mosaic_admin.cli import main; main()"
    )
    gateway.start(python=["-c", program])
    gateway.wait_for("serving", 20)
    assert gateway.ask("POST", "/v1/notes", json={"owner_id": OWNER, "body": "x"}).status_code == 201
    assert gateway.stop() == 0
    loaded = {name for file in gateway.home.glob("modules*") for name in file.read_text().split()}
    assert "gateway.routes" in loaded
    assert not {name for name in loaded if name.split(".")[0] in ("federation", "pgvector", "compose")}
    assert "store.vector" not in loaded
