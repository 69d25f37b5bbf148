"""Cutover and rollback on real stores: what they change, what they refuse, and a kill at every step."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from click.testing import CliRunner

from gateway.cutover import check_cutover
from migration import cutover as cutovers
from migration import rollback, services
from migration.engine import make_plan
from migration.engine.model import Decisions, Outcome, Plan
from migration.job_errors import (
    CutoverChangedError,
    CutoverNotReadyError,
    GainedUnseenError,
    SmokeFailedError,
    WrongConfirmationError,
)
from migration.models import Cutover, CutoverStatus, MigrationJob
from migration.smoke import smoke_test
from mosaic_admin.audit.models import Action, AuditEvent
from mosaic_admin.cli.storage import command
from mosaic_admin.errors import MosaicError
from store.ledger import StoreBusyError, StoreLock, holder_name, stamp_first_write
from tests.integration.engine.support import make_snake, run, scalar, source_at, state_of, target_at
from tests.integration.migration.test_real_engine import choice
from tests.unit.migration.conftest import BY
from tiers import services as tiers
from tiers.config import PostgresStorage, load_config
from tiers.cutover import read_record

pytestmark = pytest.mark.integration

ROLLBACK = "roll back run {}"


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (cutovers, rollback):
        monkeypatch.setattr(module, "LOCK_WAIT_S", 0.2)
    path = tmp_path / "mosaic.config.json"
    monkeypatch.setattr(tiers, "config_path", lambda: path)
    return path


@dataclass(frozen=True)
class Moved:
    """Two stores with the same rows, moved by the real engine, before any control plane knows of it."""

    database: str
    source_url: str
    target_url: str
    run_id: UUID
    plan: Plan
    outcome: Outcome


def on_server(server: Any, statement: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as link:
        link.execute(statement.encode())


@pytest.fixture(scope="module")
def moved_once(plain_postgres: Any, postgres: Any, django_db_blocker: Any) -> Moved:
    """The move itself; its databases are kept under other names, as templates of each test's own."""
    name = f"moved_{secrets.token_hex(4)}"
    for server in (plain_postgres, postgres):
        on_server(server, f"CREATE DATABASE {name}")
    source_url, target_url = plain_postgres.url_for(name), postgres.url_for(name)
    with django_db_blocker.unblock():
        make_snake(source_url, rows=300)
        source, target = source_at(source_url), target_at(target_url)
        plan = make_plan(source, target, Decisions())
        outcome = run(plan, source, target)
    run_id = scalar(target_url, "SELECT run_id FROM mosaic_migration.run")
    for server in (plain_postgres, postgres):
        on_server(server, f"ALTER DATABASE {name} RENAME TO {name}_kept")
    return Moved(name, source_url, target_url, run_id, plan, outcome)


@pytest.fixture
def moved(moved_once: Moved, plain_postgres: Any, postgres: Any) -> Iterator[Moved]:
    """Both databases as the move left them, under the names that run and plan know."""
    name = moved_once.database
    for server in (plain_postgres, postgres):
        on_server(server, f"CREATE DATABASE {name} TEMPLATE {name}_kept")
    yield moved_once
    for server in (plain_postgres, postgres):
        server.start()  # the test may have stopped it
        on_server(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def urls(moved: Moved) -> tuple[str, str]:
    return moved.source_url, moved.target_url


@pytest.fixture
def verified(moved: Moved, transactional_db: None, config_file: Path) -> MigrationJob:
    """The run's row as a worker leaves it, and a gateway's file that names its source."""
    source, target = choice("standalone", moved.source_url), choice("federated", moved.target_url)
    config_file.write_text(json.dumps(source.document))
    job = services.request_plan(source=source, target=target, by=BY, is_inline=True)
    MigrationJob.objects.filter(pk=job.pk).update(
        state="verified",
        run_id=moved.run_id,
        plan=moved.plan.as_dict(),
        plan_hash=moved.plan.hash,
        target_key=f"{moved.plan.target.system_id}/{moved.plan.target.database}",
        target_name="mosaic@here:5433",
        result=moved.outcome.as_dict(),
    )
    job.refresh_from_db()
    return job


def cut_over(job: MigrationJob) -> Cutover:
    return cutovers.carry_out(cutovers.begin_cutover(job=job, confirmation=job.target_name, by=BY), by=BY)


def go_back(job: MigrationJob, **options: Any) -> Cutover:
    found = rollback.find_cutover()
    return rollback.roll_back(cutover=found, confirmation=ROLLBACK.format(job.number), by=BY, **options)


def test_a_cutover_writes_record_and_configuration_and_leaves_the_store_as_it_was(
    verified: MigrationJob, config_file: Path, urls: tuple[str, str]
) -> None:
    before = state_of(urls[1])
    done = cut_over(verified)
    assert done.status == CutoverStatus.DONE
    assert "found the insight by its vector (3 dimensions, through its index)" in done.smoke
    config, record = load_config(config_file), read_record(config_file)
    assert config.tier == "federated"
    assert record is not None
    assert (record.is_active, record.job_id, record.run_id) == (True, verified.number, str(verified.run_id))
    assert record.source_fingerprint == f"{verified.plan['source']['system_id']}/{verified.plan['source']['database']}"
    check_cutover(config_file, config)
    assert state_of(urls[1]) == before
    assert scalar(urls[1], "SELECT first_write_at FROM mosaic_migration.run") is None
    assert AuditEvent.objects.filter(action=Action.MIGRATION_CUTOVER).count() == 1


def test_a_rollback_names_what_the_federated_store_gained_and_restores_the_file(
    verified: MigrationJob, config_file: Path, urls: tuple[str, str]
) -> None:
    before = json.loads(config_file.read_text())
    cut_over(verified)
    with psycopg.connect(urls[1], autocommit=True) as link:
        link.execute("INSERT INTO tasks (owner_id, title) SELECT id, 'Only here' FROM users LIMIT 2")
        link.execute("UPDATE teams SET name = 'Renamed', updated_at = now() WHERE slug = 't1'")
    seen = rollback.preview(rollback.find_cutover())
    assert seen.gained is not None
    counts = {table.name: (table.added, table.changed) for table in seen.gained.touched}
    assert counts == {"tasks": (2, 0), "teams": (0, 1)}
    assert {sample["label"] for table in seen.gained.touched for sample in table.samples} == {"Only here", "Renamed"}
    with pytest.raises(WrongConfirmationError):
        rollback.roll_back(cutover=seen.cutover, confirmation="yes", by=BY)
    done = go_back(verified)
    assert done.status == CutoverStatus.ROLLED_BACK
    assert "tasks (2 new), teams (1 changed)" in verified.events.first().message
    assert json.loads(config_file.read_text()) == before
    record = read_record(config_file)
    assert record is not None
    assert not record.is_active
    check_cutover(config_file, load_config(config_file))
    assert scalar(urls[1], "SELECT count(*) FROM tasks WHERE title = 'Only here'") == 2


def test_both_commands_ask_do_it_and_say_how_to_restart(
    verified: MigrationJob, config_file: Path, urls: tuple[str, str]
) -> None:
    def mosaic(*words: str) -> Any:
        return CliRunner().invoke(command, [*words])

    refused = mosaic("cutover", "--confirm", "another", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["error"]["code"]) == (2, "MOS-MIG-109")
    done = mosaic("cutover", "--confirm", verified.target_name)
    assert done.exit_code == 0, done.output
    assert "mosaic gateway start" in done.stdout
    assert gate_says(config_file) == "federated"
    assert mosaic("cutover", "--confirm", verified.target_name).exit_code == 3, "it is cut over already"
    shown = json.loads(mosaic("status", str(verified.number), "--json").stdout)
    assert shown["cutover"]["status"] == "done"
    with psycopg.connect(urls[1], autocommit=True) as link:
        link.execute("INSERT INTO tasks (owner_id, title) SELECT id, 'Only here' FROM users LIMIT 1")
    seen = mosaic("rollback", "--look")
    assert (seen.exit_code, "tasks (1 new)" in seen.stdout, "Only here" in seen.stdout) == (0, True, True)
    assert gate_says(config_file) == "federated"
    gone = mosaic("rollback", "--confirm", ROLLBACK.format(verified.number), "--json")
    assert (gone.exit_code, json.loads(gone.stdout)["cutover"]["status"]) == (0, "rolled_back")
    assert gate_says(config_file) == "standalone"
    assert mosaic("rollback", "--confirm", "x").exit_code == 3, "there is nothing to roll back any more"


def test_a_gateway_that_serves_either_store_is_in_the_way(verified: MigrationJob, urls: tuple[str, str]) -> None:
    for url in urls:
        with StoreLock(url, "shared", holder_name("gw")), pytest.raises(StoreBusyError) as refused:
            cut_over(verified)
        assert "mosaic gateway pause" in refused.value.remediation
    cut_over(verified)
    with StoreLock(urls[1], "shared", holder_name("gw")), pytest.raises(StoreBusyError):
        go_back(verified)


@pytest.mark.parametrize("end", [0, 1])
def test_a_store_that_changed_since_the_verification_is_refused_and_nothing_is_touched(
    verified: MigrationJob, config_file: Path, urls: tuple[str, str], end: int
) -> None:
    before = config_file.read_bytes()
    with psycopg.connect(urls[end], autocommit=True) as link:
        link.execute("UPDATE tasks SET title = 'late' WHERE id = (SELECT id FROM tasks LIMIT 1)")
    with pytest.raises(CutoverChangedError, match="no longer equal: tasks"):
        cut_over(verified)
    assert config_file.read_bytes() == before
    assert read_record(config_file) is None
    stopped = cutovers.open_cutover(verified)
    assert stopped is not None
    assert (stopped.status, stopped.error_code) == (CutoverStatus.FAILED, "MOS-MIG-115")


def test_a_target_that_a_gateway_wrote_to_is_refused(verified: MigrationJob, urls: tuple[str, str]) -> None:
    with psycopg.connect(urls[1], autocommit=True) as link:
        stamp_first_write(link)
    with pytest.raises(CutoverChangedError, match="A gateway has written"):
        cut_over(verified)


def test_a_federated_configuration_that_names_another_store_fails_the_smoke_test(
    verified: MigrationJob, config_file: Path, postgres: Any, make_database: Any
) -> None:
    other = make_database(postgres, "vector")
    tiers.create_config(name="federated", document=choice("federated", other).document)
    with pytest.raises(SmokeFailedError, match="holds no migration run"):
        cut_over(verified)
    assert load_config(config_file).tier == "standalone"


def test_a_vector_index_that_cannot_be_used_fails_the_smoke_test(moved: Moved) -> None:
    storage = target_at(moved.target_url).config.storage
    assert isinstance(storage, PostgresStorage)
    found = smoke_test(storage, run_id=moved.run_id, commits=False)
    assert found.index.startswith("insights_embedding_hnsw_")
    assert "through its index" in found.sentence
    with psycopg.connect(moved.target_url, autocommit=True) as link:
        link.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", (found.index,))
    with pytest.raises(SmokeFailedError, match=f"does not go through the index {found.index}"):
        smoke_test(storage, run_id=moved.run_id, commits=False)


def test_a_rollback_without_the_federated_server_has_to_be_said(
    verified: MigrationJob, config_file: Path, postgres: Any
) -> None:
    cut_over(verified)
    postgres.stop()
    try:
        with pytest.raises(GainedUnseenError, match="cannot be asked"):
            go_back(verified)
        assert load_config(config_file).tier == "federated"
        go_back(verified, unseen=True)
    finally:
        postgres.start()
    assert load_config(config_file).tier == "standalone"


KILLER = """
import os, signal, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.fakes.worker_settings"
import django
django.setup()
from pathlib import Path
from migration import cutover, rollback, services
from migration.models import MigrationJob
from tiers import services as tiers
module, name, moment, what, path, number = sys.argv[1:]
tiers.config_path = lambda: Path(path)
holder = {"cutover": cutover, "rollback": rollback, "tiers": tiers}[module]
real = getattr(holder, name)
def dying(*words, **options):
    if moment == "after":
        real(*words, **options)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(holder, name, dying)
job, by = MigrationJob.objects.get(number=number), services.Actor("ada")
if what == "cutover":
    cutover.carry_out(cutover.begin_cutover(job=job, confirmation=job.target_name, by=by), by=by)
else:
    rollback.roll_back(cutover=rollback.find_cutover(), confirmation=f"roll back run {number}", by=by)
"""
Kill = Callable[..., None]


@pytest.fixture
def kill_at(config_file: Path) -> Kill:
    """Run a cutover or rollback in a process of its own that ends itself with SIGKILL before or after one call."""
    from django.db import connection

    environment = {**os.environ, "MOSAIC_TEST_CONTROL_FILE": str(connection.settings_dict["NAME"])}

    def kill(job: MigrationJob, what: str, module: str, name: str, moment: str) -> None:
        words = [sys.executable, "-c", KILLER, module, name, moment, what, str(config_file), str(job.number)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr

    return kill


def gate_says(config_file: Path) -> str:
    """Return the tier that the gate would serve, or `refused`."""
    config = load_config(config_file)
    try:
        check_cutover(config_file, config)
    except MosaicError:
        return "refused"
    return str(config.tier)


CUTOVER_MOMENTS = [
    ("cutover", "write_record", "before", "standalone"),
    ("cutover", "write_record", "after", "refused"),
    ("tiers", "activate", "before", "refused"),
    ("tiers", "activate", "after", "federated"),
]


@pytest.mark.crash
@pytest.mark.parametrize(("module", "name", "moment", "served"), CUTOVER_MOMENTS)
def test_a_cutover_killed_at_any_step_serves_one_store_or_none_and_is_finished_by_the_next_try(
    verified: MigrationJob, config_file: Path, kill_at: Kill, module: str, name: str, moment: str, served: str
) -> None:
    kill_at(verified, "cutover", module, name, moment)
    assert gate_says(config_file) == served
    Cutover.objects.update(heartbeat_at="2026-01-01T00:00:00Z")  # instead of waiting until its silence counts
    assert cut_over(verified).status == CutoverStatus.DONE
    assert gate_says(config_file) == "federated"
    assert go_back(verified).status == CutoverStatus.ROLLED_BACK
    assert gate_says(config_file) == "standalone"


@pytest.mark.crash
@pytest.mark.parametrize(
    ("name", "moment", "served"),
    [
        ("write_record", "before", "federated"),
        ("write_record", "after", "refused"),
        ("fingerprint", "before", "standalone"),
    ],
)
def test_a_rollback_killed_at_any_step_is_finished_by_the_next_try(
    verified: MigrationJob, config_file: Path, kill_at: Kill, name: str, moment: str, served: str
) -> None:
    cut_over(verified)
    kill_at(verified, "rollback", "rollback", name, moment)
    assert gate_says(config_file) == served
    assert go_back(verified).status == CutoverStatus.ROLLED_BACK
    assert gate_says(config_file) == "standalone"


def test_a_half_done_cutover_can_be_rolled_back_instead(
    verified: MigrationJob, config_file: Path, kill_at: Kill
) -> None:
    kill_at(verified, "cutover", "tiers", "activate", "before")
    with pytest.raises(CutoverNotReadyError, match="Somebody else is cutting"):
        go_back(verified)  # its process may still be at work
    Cutover.objects.update(heartbeat_at="2026-01-01T00:00:00Z")
    assert go_back(verified).status == CutoverStatus.ROLLED_BACK
    assert gate_says(config_file) == "standalone"


def test_back_from_a_configuration_that_was_activated_by_hand_is_the_source(
    verified: MigrationJob, config_file: Path
) -> None:
    federated = tiers.create_config(name="federated", document=verified.target_document)
    tiers.activate(config_id=federated.pk)
    assert cut_over(verified).status == CutoverStatus.DONE
    assert go_back(verified).status == CutoverStatus.ROLLED_BACK
    assert gate_says(config_file) == "standalone"
    assert json.loads(config_file.read_text()) == verified.source_document


def test_after_a_rollback_that_left_nothing_behind_the_run_can_be_cut_over_again(
    verified: MigrationJob, config_file: Path
) -> None:
    cut_over(verified)
    go_back(verified)
    assert cut_over(verified).status == CutoverStatus.DONE
    assert gate_says(config_file) == "federated"


def test_a_cutover_that_was_refused_later_hides_not_the_one_in_force(verified: MigrationJob, config_file: Path) -> None:
    done = cut_over(verified)
    other = MigrationJob.objects.get(pk=verified.pk)
    other.pk, other.number, other.run_id = None, verified.number + 1, uuid4()
    other.save(force_insert=True)
    with pytest.raises(CutoverChangedError):
        cutovers.carry_out(cutovers.begin_cutover(job=other, confirmation=other.target_name, by=BY), by=BY)
    assert rollback.find_cutover() == done
    assert go_back(verified).status == CutoverStatus.ROLLED_BACK
