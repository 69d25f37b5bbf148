"""Cutover and rollback of an install that leaves a PGlite directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cutover import check_cutover
from migration import services
from migration.endpoints import EndpointChoice, fingerprint
from migration.engine import make_plan
from migration.engine.model import Decisions, Outcome, OutcomeState, Plan
from migration.job_errors import CutoverChangedError
from migration.models import CutoverStatus, MigrationJob
from mosaic_admin.errors import MosaicError
from store.adapters import adapter_for
from store.alias import migrate_store, store_alias
from tests.integration.engine.support import run, scalar, target_at
from tests.integration.migration.test_cutover import config_file as config_file  # a fixture
from tests.integration.migration.test_cutover import cut_over, go_back
from tests.integration.migration.test_real_engine import choice
from tests.integration.pglite.test_source import source_at
from tests.unit.migration.conftest import BY
from tiers.config import PgliteStorage, load_config
from tiers.cutover import read_record
from tiers.pglite.directory import DirectoryLock, tree_hash
from tiers.pglite.host import running

pytestmark = pytest.mark.integration
ROWS = """
INSERT INTO users (email) SELECT 'u' || n || '@example.org' FROM generate_series(1, 30) n;
INSERT INTO tasks (owner_id, title) SELECT id, 'Task of ' || email FROM users;
INSERT INTO insights (owner_id, content, embedding, embedding_dim)
  SELECT id, 'fact', ARRAY[1, 2, 3]::real[], 3 FROM users;
"""


@dataclass(frozen=True)
class Moved:
    """A directory and a target with the same rows, moved by the real engine."""

    directory: Path
    target: str
    plan: Plan
    outcome: Outcome


@pytest.fixture
def moved(tmp_path: Path, postgres: Any, make_database: Any, django_db_blocker: Any) -> Moved:
    directory, target = tmp_path / "store", str(make_database(postgres))
    store = adapter_for(PgliteStorage(directory))
    with django_db_blocker.unblock():
        with store.opened("mosaic-test here:1:1", may_create=True), store_alias(store.address):
            migrate_store()
            with store.connect() as connection:
                connection.execute(ROWS)
        store.close()
        source = source_at(directory)
        plan = make_plan(source, target_at(target), Decisions())
        outcome = run(plan, source, target_at(target))
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    return Moved(directory, target, plan, outcome)


@pytest.fixture
def verified(moved: Moved, transactional_db: None, config_file: Path) -> MigrationJob:
    """The run's row as a worker leaves it, and a gateway's file that names its source."""
    document = {
        "version": 1,
        "tier": "local",
        "storage": {"type": "pglite", "dataDir": str(moved.directory)},
        "queue": {"type": "local"},
        "memory": {"type": "keyword"},
    }
    config_file.write_text(json.dumps(document))
    chosen = EndpointChoice(document, str(config_file.parent), "local")
    job = services.request_plan(source=chosen, target=choice("federated", moved.target), by=BY, is_inline=True)
    MigrationJob.objects.filter(pk=job.pk).update(
        state="verified",
        run_id=scalar(moved.target, "SELECT run_id FROM mosaic_migration.run"),
        plan=moved.plan.as_dict(),
        plan_hash=moved.plan.hash,
        target_key=f"{moved.plan.target.system_id}/{moved.plan.target.database}",
        target_name="mosaic@here:5433",
        result=moved.outcome.as_dict(),
    )
    job.refresh_from_db()
    return job


def test_a_local_install_cuts_over_and_goes_back(verified: MigrationJob, moved: Moved, config_file: Path) -> None:
    job, directory = verified, moved.directory
    before, known_as = tree_hash(directory), fingerprint(load_config(config_file))

    with DirectoryLock(directory, "exclusive", "mosaic-gw here:1:1"), pytest.raises(MosaicError) as busy:
        cut_over(job)
    assert (busy.value.code.id, "mosaic gateway pause" in busy.value.remediation) == ("MOS-PGL-004", True)

    assert cut_over(job).status == CutoverStatus.DONE
    record = read_record(config_file)
    assert record is not None
    assert record.is_active
    assert load_config(config_file).tier == "federated"
    assert tree_hash(directory) == before

    assert go_back(job).status == CutoverStatus.ROLLED_BACK
    config = load_config(config_file)
    assert (config.tier, fingerprint(config)) == ("local", known_as)
    check_cutover(config_file, config)

    with running(directory) as host, host.connect(application_name="t") as connection:
        connection.execute("UPDATE tasks SET title = 'late' WHERE id = (SELECT id FROM tasks LIMIT 1)")
    with pytest.raises(CutoverChangedError, match="no longer equal: tasks"):
        cut_over(job)
