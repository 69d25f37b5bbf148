"""Jobs with real worker processes, real messages and real signals; the engine is the fake one."""

from __future__ import annotations

import signal

import pytest

from compose.embedded import EmbeddedValkey
from migration import queue, services, sweeper
from migration.endpoints import EndpointChoice
from migration.job_errors import BrokerDownError
from migration.models import EffectiveState, JobState, MigrationJob
from tests.integration.migration.conftest import START_S, Workers, state_of, until
from tests.unit.migration.conftest import BY, SOURCE, TARGET

FAKE_WORKER = "tests.fakes.worker"


def ask() -> MigrationJob:
    return services.request_plan(
        source=EndpointChoice(SOURCE, "/srv", "standalone"), target=EndpointChoice(TARGET, "/srv", "federated"), by=BY
    )


def start_when_planned(job: MigrationJob) -> MigrationJob:
    until(lambda: state_of(job) is EffectiveState.PLANNED, START_S, "the dry run")
    return services.start_migration(job=job, plan_hash=job.plan_hash, target_name=job.target_name, by=BY)


def running(workers: Workers, copy_s: str) -> MigrationJob:
    job = start_when_planned(ask())
    until(lambda: state_of(job) is EffectiveState.RUNNING and job.phase == "prepare", 20, "the copy")
    return job


def test_a_stopped_worker_shows_as_interrupted_within_5_s_and_ends(workers: Workers) -> None:
    worker = workers.start(FAKE_WORKER, "60")
    job = running(workers, "60")
    worker.send_signal(signal.SIGTERM)
    assert until(lambda: state_of(job) is EffectiveState.INTERRUPTED, 5) <= 5
    assert worker.wait(15) == 0
    assert job.events.filter(message__contains="The worker was stopped").exists()


def test_a_message_that_comes_three_times_makes_one_run(workers: Workers) -> None:
    workers.start(FAKE_WORKER, "1")
    job = start_when_planned(ask())
    for _ in range(2):
        queue.send("run", [job.pk, job.attempt])
    until(lambda: state_of(job) is EffectiveState.VERIFIED, START_S, "the run")
    queue.send("run", [job.pk, job.attempt])
    after = ask()
    until(lambda: state_of(after) is EffectiveState.PLANNED, START_S, "the message behind it")
    assert job.events.filter(message="Phase copy started").count() == 1


def test_a_lost_message_is_sent_again_by_the_sweeper(workers: Workers) -> None:
    workers.start(FAKE_WORKER, "0")
    job = ask()
    until(lambda: state_of(job) is EffectiveState.PLANNED, START_S, "the dry run")
    services.start_migration(
        job=job, plan_hash=job.plan_hash, target_name=job.target_name, by=BY, is_inline=True
    )  # inline: no message was sent
    MigrationJob.objects.filter(pk=job.pk).update(created_at="2026-01-01T00:00:00Z", enqueued_at=None)
    assert sweeper.sweep() == 1
    until(lambda: state_of(job) is EffectiveState.VERIFIED, START_S, "the run")


def test_without_a_broker_nothing_is_created_and_inline_is_named(
    transactional_db: None, broker: str, valkey: EmbeddedValkey
) -> None:
    valkey.stop()
    try:
        with pytest.raises(BrokerDownError) as refused:
            ask()
    finally:
        valkey.start()
    assert refused.value.exit_code == 69
    assert "--inline" in refused.value.remediation
    assert not MigrationJob.objects.filter(state=JobState.PLANNING).exists()


def test_two_workers_that_get_one_message_each_make_one_run(workers: Workers) -> None:
    for _ in range(2):
        workers.start(FAKE_WORKER, "2")
    job = start_when_planned(ask())
    for _ in range(6):  # each worker takes two at a time
        queue.send("run", [job.pk, job.attempt])
    until(lambda: state_of(job) is EffectiveState.VERIFIED, START_S, "the run")
    assert job.events.filter(message="Phase copy started").count() == 1
    assert job.events.filter(message__startswith="Verified").count() == 1


def test_a_broker_that_dies_and_comes_back_costs_no_run(workers: Workers, valkey: EmbeddedValkey) -> None:
    worker = workers.start(FAKE_WORKER, "6")
    job = running(workers, "6")
    valkey.kill()
    try:
        until(lambda: state_of(job) is EffectiveState.VERIFIED, 60, "the run without a broker")
    finally:
        valkey.start()
    assert worker.poll() is None
    after = ask()
    until(lambda: state_of(after) is EffectiveState.PLANNED, START_S, "a message through the new broker")
