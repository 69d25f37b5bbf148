"""Rehearsals with real workers, the real engine and real servers: what they measure, and that nothing of them stays."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from migration import rehearsal, services
from migration.models import EffectiveState, JobState, MigrationJob
from migration.scratch import PREFIX
from mosaic_admin.audit.models import Action, AuditEvent
from store.ledger import StoreLock, holder_name
from tests.integration.engine.support import CAMEL_DECISIONS, scalar, state_of
from tests.integration.migration.conftest import START_S, Workers, age_lease, until
from tests.integration.migration.conftest import state_of as job_state
from tests.integration.migration.test_real_engine import SLOW_MB_S, WORKER, choice
from tests.integration.migration.test_real_engine import urls as urls
from tests.unit.migration.conftest import BY

SCRATCH = f"SELECT count(*) FROM pg_database WHERE datname LIKE '{PREFIX}%'"
ENDS = (EffectiveState.PLANNING, EffectiveState.QUEUED, EffectiveState.RUNNING)


def planned(urls: tuple[str, str], chunk_rows: int = 20_000) -> MigrationJob:
    job = services.request_plan(
        source=choice("standalone", urls[0]),
        target=choice("federated", urls[1]),
        options={"chunk_rows": chunk_rows},
        by=BY,
        decisions=CAMEL_DECISIONS,
    )
    until(lambda: job_state(job) is not EffectiveState.PLANNING, START_S, "the dry run")
    assert job.state == "planned", (job.error_code, job.error_message)
    return job


def test_a_rehearsal_beside_a_serving_gateway_measures_and_leaves_nothing(
    workers: Workers, urls: tuple[str, str]
) -> None:
    workers.start(*WORKER)
    before = state_of(urls[0]), state_of(urls[1])
    with StoreLock(urls[0], "shared", holder_name("gw")):
        job = planned(urls)
        assert not job.plan["is_ready"], "the gateway is in the way of the migration"
        made = rehearsal.request_rehearsal(job=job, by=BY)
        until(lambda: job_state(made) not in ENDS, 90, "the rehearsal")
    assert made.state == JobState.REHEARSED, (made.error_code, made.error_message)
    until(lambda: scalar(urls[1], SCRATCH) == 0, 10, "the drop")
    assert (state_of(urls[0]), state_of(urls[1])) == before
    assert scalar(urls[1], "SELECT to_regnamespace('mosaic_migration')") is None
    job.refresh_from_db()
    assert job.plan["measured_by"] == made.number
    assert set(job.plan["estimate"]) >= {"copy", "indexes", "verify"}
    assert job.plan["hash"] == job.plan_hash
    again = planned(urls)
    assert again.plan["measured_by"] == made.number
    assert AuditEvent.objects.get(action=Action.MIGRATION_REHEARSE).subject == f"run #{made.number}"


@pytest.mark.crash
def test_a_rehearsal_whose_worker_is_killed_is_given_up_and_its_database_dropped(
    workers: Workers, urls: tuple[str, str]
) -> None:
    worker = workers.start(*WORKER)
    job = planned(urls, chunk_rows=500)
    services.set_throttle(job=job, max_mb_s=SLOW_MB_S, by=BY)
    made = rehearsal.request_rehearsal(job=job, by=BY)
    until(lambda: job_state(made) is EffectiveState.RUNNING and made.phase == "copy", 60, "the copy")
    assert scalar(urls[1], SCRATCH) == 1
    worker.kill()
    worker.wait()
    age_lease(made)
    assert job_state(made) is EffectiveState.INTERRUPTED
    assert not made.is_resumable
    rehearsal.sweep()
    made.refresh_from_db()
    assert (made.state, made.error_code, made.scratch_database) == (JobState.FAILED, "MOS-MIG-122", "")
    assert scalar(urls[1], SCRATCH) == 0


def test_a_role_that_may_not_create_databases_is_told_what_it_lacks(
    workers: Workers, urls: tuple[str, str], postgres: Any
) -> None:
    name = f"poor_{urls[1].rsplit('_', 1)[1]}"
    database = urls[1].rsplit("/", 1)[1]
    with psycopg.connect(urls[1], autocommit=True) as link:
        link.execute("CREATE EXTENSION vector")
        link.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'a-poor-canary'")  # type: ignore[arg-type]
        link.execute(f"ALTER DATABASE {database} OWNER TO {name}")  # type: ignore[arg-type]
        link.execute(f"GRANT EXECUTE ON FUNCTION pg_control_system() TO {name}")  # type: ignore[arg-type]
    poor = f"postgresql://{name}:a-poor-canary@{postgres.host}:{postgres.port}/{database}"
    workers.start(*WORKER)
    made = rehearsal.request_rehearsal(job=planned((urls[0], poor)), by=BY)
    until(lambda: job_state(made) not in ENDS, 60, "the rehearsal")
    assert (made.state, made.error_code) == (JobState.PLAN_FAILED, "MOS-MIG-121")
    assert f"ALTER ROLE {name} CREATEDB" in made.error_remediation
    with psycopg.connect(urls[1], autocommit=True) as link:
        link.execute(f"ALTER DATABASE {database} OWNER TO CURRENT_USER")  # type: ignore[arg-type]
        link.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER")  # type: ignore[arg-type]
        link.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")  # type: ignore[arg-type]
