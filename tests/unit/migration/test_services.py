from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from migration import services, sweeper
from migration.engine.model import CheckResult, CheckStatus, Decision, Decisions
from migration.job_errors import (
    JobBusyError,
    PlanNotReadyError,
    StalePlanError,
    WrongConfirmationError,
    WrongNameError,
    WrongStateError,
)
from migration.models import EffectiveState, JobState, MigrationJob
from mosaic_admin.errors import NotFoundError
from tests.fakes.engine import FakeEngine
from tests.unit.migration.conftest import BY, Sent, plan_here

pytestmark = pytest.mark.django_db
Make = Callable[..., MigrationJob]


def start(job: MigrationJob, **changes: str) -> MigrationJob:
    given = {"plan_hash": job.plan_hash, "target_name": job.target_name} | changes
    return services.start_migration(job=job, by=BY, **given)


def test_a_dry_run_is_numbered_recorded_and_sent_to_a_worker(new_job: Make, sent: Sent) -> None:
    first, second = new_job(), new_job()
    assert (first.number, second.number) == (1, 2)
    assert sent == [("plan", first.pk, 1), ("plan", second.pk, 1)]
    assert first.events.get().actor == "ada"


def test_the_plan_names_the_target_without_user_and_password(planned: Make) -> None:
    job = planned()
    assert job.state == JobState.PLANNED
    assert job.target_name == "mosaic@127.0.0.1:5433"
    assert job.target_key == "2/federated"


def test_start_queues_the_job_and_tells_a_worker(planned: Make, sent: Sent) -> None:
    job = start(planned())
    assert (job.state, job.attempt, job.started_by_name) == (JobState.QUEUED, 2, "ada")
    assert sent[-1] == ("run", job.pk, 2)


def test_a_start_from_a_directory_needs_the_word_that_nobody_uses_it(planned: Make, sent: Sent) -> None:
    job = planned()
    job.source_tier = "local"
    job.save()
    with pytest.raises(WrongConfirmationError) as refused:
        start(job)
    assert "containers" in refused.value.remediation
    assert sent[-1][0] == "plan"
    services.start_migration(
        job=job, plan_hash=job.plan_hash, target_name=job.target_name, is_source_stopped=True, by=BY
    )
    assert sent[-1] == ("run", job.pk, 2)


def test_start_refuses_a_stale_hash_and_changes_nothing(planned: Make, sent: Sent) -> None:
    job = planned()
    with pytest.raises(StalePlanError) as refused:
        start(job, plan_hash="0" * 64)
    assert refused.value.exit_code == 3
    assert "--dry-run" in refused.value.remediation
    job.refresh_from_db()
    assert (job.state, len(sent)) == (JobState.PLANNED, 1)


def test_start_refuses_another_name_and_says_which_to_type(planned: Make) -> None:
    with pytest.raises(WrongNameError) as refused:
        start(planned(), target_name="mosaic@127.0.0.1:5434")
    assert "mosaic@127.0.0.1:5433" in refused.value.remediation


def test_start_refuses_an_open_decision_and_names_it(planned: Make, engine: FakeEngine) -> None:
    engine.open_decisions = (Decision("table", "agents", 3, 100, "unknown", ("--carry-table agents",)),)
    with pytest.raises(PlanNotReadyError, match="Decide agents"):
        start(planned())


def test_start_refuses_a_blocking_check_with_its_words(planned: Make, engine: FakeEngine) -> None:
    engine.checks = (CheckResult("MOS-MIG-009", "locks", CheckStatus.FAIL, "A gateway holds the source.", "Pause it."),)
    with pytest.raises(PlanNotReadyError, match="A gateway holds the source"):
        start(planned())


def test_a_second_active_job_for_a_target_is_refused_with_the_number_of_the_first(planned: Make) -> None:
    first, second = planned(), planned()
    start(first)
    with pytest.raises(JobBusyError, match="run #1") as refused:
        start(second)
    assert refused.value.exit_code == 75
    second.refresh_from_db()
    assert second.state == JobState.PLANNED


def test_the_database_itself_refuses_a_second_active_job(queued: Make, planned: Make) -> None:
    queued()
    other = planned()
    with pytest.raises(IntegrityError), transaction.atomic():
        MigrationJob.objects.filter(pk=other.pk).update(state=JobState.QUEUED)


def test_a_decision_makes_the_dry_run_again_and_closes_the_question(
    planned: Make, engine: FakeEngine, sent: Sent
) -> None:
    engine.open_decisions = (Decision("table", "agents", 3, 100, "unknown", ("--carry-table agents",)),)
    job = planned()
    old_hash = job.plan_hash
    services.decide(job=job, decisions=Decisions(carry_tables=("agents",)), by=BY)
    assert (job.state, job.plan_hash) == (JobState.PLANNING, "")
    assert sent[-1] == ("plan", job.pk, 2)
    plan_here(job)
    assert job.plan["is_ready"]
    assert job.plan_hash != old_hash


@pytest.mark.parametrize("state", ["queued", "running", "verified", "cancelled"])
def test_decisions_are_refused_once_a_run_is_started(in_state: Make, state: str) -> None:
    with pytest.raises(WrongStateError):
        services.decide(job=in_state(state), decisions=Decisions(carry_tables=("x",)), by=BY)


def test_a_running_job_whose_lease_ran_out_reads_as_interrupted(in_state: Make) -> None:
    job = in_state("running")
    now = timezone.now()
    assert job.effective_state(now) is EffectiveState.RUNNING
    assert job.effective_state(now + timedelta(seconds=30)) is EffectiveState.INTERRUPTED
    assert job.state == JobState.RUNNING


@pytest.mark.parametrize("state", ["interrupted", "paused", "failed"])
def test_resume_queues_a_new_attempt_and_forgets_the_error(in_state: Make, sent: Sent, state: str) -> None:
    job = in_state(state)
    services.resume_migration(job=job, by=BY)
    assert (job.state, job.attempt, job.error_code, job.lease_owner) == (JobState.QUEUED, 3, "", "")
    assert job.resumes == 1
    assert sent[-1] == ("run", job.pk, 3)


@pytest.mark.parametrize("state", ["running", "queued", "verified", "cancelled", "planned"])
def test_resume_is_refused_in_every_other_state(in_state: Make, state: str) -> None:
    with pytest.raises(WrongStateError):
        services.resume_migration(job=in_state(state), by=BY)


def test_resume_is_refused_after_a_final_error(in_state: Make) -> None:
    job = in_state("failed")
    job.is_error_final = True
    with pytest.raises(WrongStateError):
        services.resume_migration(job=job, by=BY)


def test_two_resumes_of_one_interruption_make_one_attempt(in_state: Make, sent: Sent) -> None:
    job = in_state("interrupted")
    same = MigrationJob.objects.get(pk=job.pk)
    services.resume_migration(job=job, by=BY)
    with pytest.raises(WrongStateError):
        services.resume_migration(job=same, by=BY)
    assert [message for message in sent if message[0] == "run"] == [("run", job.pk, 2), ("run", job.pk, 3)]


def test_pause_is_asked_of_a_live_worker_only(in_state: Make) -> None:
    job = in_state("running")
    assert services.request_pause(job=job, by=BY).control == "pause"
    MigrationJob.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(WrongStateError):
        services.request_pause(job=job, by=BY)


def test_cancel_needs_the_words_run_n(in_state: Make) -> None:
    job = in_state("running")
    with pytest.raises(WrongConfirmationError, match="name") as refused:
        services.request_cancel(job=job, confirmation="yes", by=BY)
    assert f"run {job.number}" in refused.value.remediation


def test_cancel_of_a_running_job_is_a_request_to_its_worker(in_state: Make) -> None:
    job = in_state("running")
    services.request_cancel(job=job, confirmation=f"run {job.number}", by=BY)
    assert (job.state, job.control) == (JobState.RUNNING, "cancel")


@pytest.mark.parametrize("state", ["queued", "paused", "interrupted", "failed"])
def test_cancel_without_a_worker_takes_effect_at_once(in_state: Make, state: str) -> None:
    job = in_state(state)
    services.request_cancel(job=job, confirmation=f"run {job.number}", by=BY)
    assert job.effective_state() is EffectiveState.CANCELLED
    assert job.events.first().actor == "ada"


def test_an_unknown_run_is_an_error_with_a_remedy() -> None:
    with pytest.raises(NotFoundError, match="run #99"):
        services.get_job(99)


def test_every_change_of_state_grows_the_version_and_leaves_an_event(planned: Make) -> None:
    job = planned()
    before, events = job.version, job.events.count()
    start(job)
    assert (job.version, job.events.count()) == (before + 1, events + 1)


def test_the_sweeper_sends_a_queued_job_again_whose_message_was_lost(queued: Make, sent: Sent) -> None:
    job = queued()
    long_ago = timezone.now() - timedelta(seconds=60)
    MigrationJob.objects.filter(pk=job.pk).update(enqueued_at=long_ago, created_at=long_ago)
    assert sweeper.sweep() == 1
    assert sent[-1] == ("run", job.pk, job.attempt)
    assert sweeper.sweep() == 0


def test_the_sweeper_takes_up_a_dry_run_whose_worker_died_and_gives_up_in_the_end(new_job: Make, sent: Sent) -> None:
    job = new_job()
    for attempt in (2, 3, 3):
        MigrationJob.objects.filter(pk=job.pk).update(
            lease_owner="atlas:1", lease_expires_at=timezone.now() - timedelta(seconds=1)
        )
        sweeper.sweep()
        job.refresh_from_db()
        assert job.attempt == attempt
    assert (job.state, job.error_code) == (JobState.PLAN_FAILED, "MOS-MIG-110")


def test_a_dry_run_that_was_repeated_often_is_still_taken_up_when_its_worker_dies(planned: Make, sent: Sent) -> None:
    job = planned()
    for _ in range(5):
        job = plan_here(services.decide(job=job, by=BY))
    services.decide(job=job, by=BY)
    expired = timezone.now() - timedelta(seconds=1)
    MigrationJob.objects.filter(pk=job.pk).update(lease_owner="atlas:1", lease_expires_at=expired)
    sweeper.sweep()
    job.refresh_from_db()
    assert (job.state, job.lost_workers, job.attempt) == (JobState.PLANNING, 1, 8)
    assert sent[-1] == ("plan", job.pk, 8)


def test_the_sweeper_leaves_running_and_finished_jobs_alone(in_state: Make, sent: Sent) -> None:
    in_state("interrupted")
    before = len(sent)
    assert sweeper.sweep() == 0
    assert len(sent) == before
