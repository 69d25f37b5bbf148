"""The whole way: a job, a real worker, the real engine, two real PostgreSQL servers, kill -9 in the middle."""

from __future__ import annotations

from typing import Any

import pytest

from migration import services, sweeper
from migration.endpoints import EndpointChoice
from migration.models import EffectiveState, MigrationJob
from tests.integration.engine.support import CAMEL, CAMEL_DECISIONS, load, scalar
from tests.integration.migration.conftest import START_S, Workers, age_lease, until
from tests.integration.migration.conftest import state_of as job_state
from tests.unit.migration.conftest import BY

WORKER = ("celery", "--app", "mosaic_admin", "worker", "--loglevel=WARNING", "--concurrency=2", "--without-gossip")

SLOW_MB_S = 1.0  # the copy takes some seconds, so that it can be met in its middle

MORE = """
INSERT INTO tasks SELECT gen_random_uuid(), 1 + n % 40, 'core', NULL, 'Task ' || n, 'todo', now(), n, '[]', '{}', 'red'
  FROM generate_series(1, 40000) n;
INSERT INTO insights SELECT gen_random_uuid(), 1 + n % 40, 'fact ' || n, ARRAY[n, 1, 2, 3]::real[], 0.5
  FROM generate_series(1, 10000) n;
"""


def choice(tier: str, url: str) -> EndpointChoice:
    is_target = tier == "federated"
    document = {
        "version": 1,
        "tier": tier,
        "storage": {"type": "postgres", "url": url} | ({"enableVector": True} if is_target else {}),
        "queue": {"type": "bullmq", "url": "redis://127.0.0.1:6380/0"},
        "memory": {"type": "pgvector" if is_target else "keyword"},
    }
    return EndpointChoice(document, "/srv", tier)


@pytest.fixture
def urls(plain_postgres: Any, postgres: Any, make_database: Any) -> tuple[str, str]:
    source, target = make_database(plain_postgres), make_database(postgres)
    load(source, CAMEL)
    load(source, MORE)
    return source, target


def started(urls: tuple[str, str]) -> MigrationJob:
    job = services.request_plan(
        source=choice("standalone", urls[0]),
        target=choice("federated", urls[1]),
        options={"chunk_rows": 500},
        by=BY,
        decisions=CAMEL_DECISIONS,
    )
    until(lambda: job_state(job) is not EffectiveState.PLANNING, START_S, "the dry run")
    assert job.state == "planned", (job.error_code, job.error_message)
    assert job.plan["is_ready"], services.what_is_left(job)
    services.set_throttle(job=job, max_mb_s=SLOW_MB_S, by=BY)
    return services.start_migration(job=job, plan_hash=job.plan_hash, target_name=job.target_name, by=BY)


@pytest.mark.crash
@pytest.mark.parametrize("is_building", [False, True])
def test_a_worker_killed_in_the_copy_is_interrupted_resumed_and_verified(
    workers: Workers, urls: tuple[str, str], is_building: bool
) -> None:
    """With and without indexes that were built beside it."""
    worker = workers.start(*WORKER)
    job = started(urls)

    def is_there() -> bool:
        is_copying = job_state(job) is EffectiveState.RUNNING and job.phase == "copy"
        return is_copying and (not is_building or job.progress["index_done"] > 0)

    until(is_there, 60, "the copy")
    worker.kill()
    worker.wait()
    assert job_state(job) is EffectiveState.RUNNING
    age_lease(job)
    assert job_state(job) is EffectiveState.INTERRUPTED
    MigrationJob.objects.filter(pk=job.pk).update(rows_done=1)  # an old report
    sweeper.sweep()
    job.refresh_from_db()
    copied = "SELECT coalesce(sum(rows), 0) FROM mosaic_migration.chunk WHERE state = 'copied'"
    assert job.rows_done == scalar(urls[1], copied)
    assert job.progress["from_ledger"]
    services.set_throttle(job=job, max_mb_s=None, by=BY)
    services.resume_migration(job=job, by=BY)
    workers.start(*WORKER)
    until(lambda: job_state(job) not in (EffectiveState.QUEUED, EffectiveState.RUNNING), 120, "the resumed run")
    assert job.state == "verified", (job.error_code, job.error_message)
    for table, column in (("tasks", "title"), ("insights", "content"), ("agents", "name")):
        sums = f"SELECT md5(string_agg(id::text || {column}, '|' ORDER BY id)) FROM {table}"
        assert scalar(urls[0], sums) == scalar(urls[1], sums), table
    assert job.events.filter(message__contains="Resuming run").exists()
