from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from migration import pulse, runner, services
from migration.engine.model import OutcomeState, Phase, RunOptions
from migration.engine.throttle import Throttle
from migration.job_errors import BadThrottleError, SigningKeyError
from migration.jobs import Asked, Claim, claim, extend, finish, give_up
from migration.models import ControlRequest, EffectiveState, JobState, MigrationJob
from migration.signing import Trust, check_signature
from mosaic_admin import codes
from mosaic_admin.audit.models import Action, AuditEvent
from mosaic_admin.errors import MosaicError
from tests.fakes.engine import FakeEngine
from tests.stalls import stalls
from tests.unit.migration.conftest import BY

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., MigrationJob]


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)


def hold_in(engine: FakeEngine, phase: Phase, check: Callable[[], None] | None = None) -> threading.Event:
    """Make the engine stay in a phase until the returned event is set."""
    go = threading.Event()

    def wait(current: Phase) -> None:
        if current is phase:
            assert go.wait(15)

    engine.at_phase = wait
    return go


def run_in_thread(job: MigrationJob) -> threading.Thread:
    def work() -> None:
        try:
            runner.run(job.pk, job.attempt)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_run_goes_through_to_verified_with_result_progress_and_events(queued: Make) -> None:
    job = queued()
    assert runner.run(job.pk, job.attempt)
    job.refresh_from_db()
    assert job.state == JobState.VERIFIED
    assert job.result["certificate"]["plan_hash"] == job.plan_hash
    assert (job.rows_done, job.phase, job.lease_owner) == (1000, "certificate", "")
    assert "Phase copy started" in job.events.values_list("message", flat=True)


def test_a_stale_attempt_does_nothing(queued: Make, engine: FakeEngine) -> None:
    job = queued()
    assert not runner.run(job.pk, job.attempt - 1)
    assert "run_plan" not in engine.calls


def test_a_duplicated_message_does_nothing_while_the_first_runs_and_afterwards(
    queued: Make, engine: FakeEngine
) -> None:
    job = queued()
    go = hold_in(engine, Phase.COPY)
    thread = run_in_thread(job)
    until(lambda: "run_plan" in engine.calls)
    assert not runner.run(job.pk, job.attempt)
    go.set()
    thread.join()
    assert not runner.run(job.pk, job.attempt)
    assert engine.calls.count("run_plan") == 1


def test_pause_stops_between_chunks_lets_go_and_can_be_resumed(queued: Make, engine: FakeEngine) -> None:
    job = queued()
    go = hold_in(engine, Phase.COPY)
    thread = run_in_thread(job)
    until(lambda: MigrationJob.objects.get(pk=job.pk).state == JobState.RUNNING)
    services.request_pause(job=MigrationJob.objects.get(pk=job.pk), by=BY)
    time.sleep(2.5)  # one heartbeat reads the request
    go.set()
    thread.join()
    job.refresh_from_db()
    assert (job.state, job.lease_owner, job.control) == (JobState.PAUSED, "", "none")
    services.resume_migration(job=job, by=BY)
    engine.at_phase = lambda phase: None
    assert runner.run(job.pk, job.attempt)
    job.refresh_from_db()
    assert job.state == JobState.VERIFIED


def test_cancel_reaches_the_worker(queued: Make, engine: FakeEngine) -> None:
    job = queued()
    go = hold_in(engine, Phase.COPY)
    thread = run_in_thread(job)
    until(lambda: MigrationJob.objects.get(pk=job.pk).state == JobState.RUNNING)
    running = MigrationJob.objects.get(pk=job.pk)
    services.request_cancel(job=running, confirmation=f"run {job.number}", by=BY)
    time.sleep(2.5)
    go.set()
    thread.join()
    job.refresh_from_db()
    assert (job.state, job.finished_at is not None) == (JobState.CANCELLED, True)


def test_a_stopped_worker_gives_its_lease_back_within_five_seconds(queued: Make, engine: FakeEngine) -> None:
    job = queued()
    go = hold_in(engine, Phase.COPY)
    thread = run_in_thread(job)
    until(lambda: bool(pulse._running))  # a moment after the row says that it runs
    stopped = time.monotonic()
    with stalls() as machine:
        pulse.stop_all()
        until(lambda: MigrationJob.objects.get(pk=job.pk).effective_state() is EffectiveState.INTERRUPTED, seconds=13)
    assert time.monotonic() - stopped - machine.seconds < 5
    go.set()
    thread.join()
    job.refresh_from_db()
    assert job.effective_state() is EffectiveState.INTERRUPTED
    assert job.events.filter(level="warning").exists()


def test_a_worker_that_is_stopped_between_claim_and_first_beat_gives_its_lease_back(
    queued: Make, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queued()
    limit_of = runner._limit_of

    def stopped_here(held: Claim) -> float | None:
        pulse.stop_all()
        return limit_of(held)

    monkeypatch.setattr(runner, "_limit_of", stopped_here)
    engine.at_phase = lambda phase: time.sleep(0.5)  # the engine looks at its control between phases
    assert runner.run(job.pk, job.attempt)
    job.refresh_from_db()
    assert job.effective_state() is EffectiveState.INTERRUPTED
    assert job.events.filter(message__startswith="The worker was stopped").exists()


def test_a_worker_that_lost_its_lease_writes_nothing_over_the_new_attempt(queued: Make, engine: FakeEngine) -> None:
    job = queued()
    go = hold_in(engine, Phase.COPY)
    thread = run_in_thread(job)
    until(lambda: MigrationJob.objects.get(pk=job.pk).state == JobState.RUNNING)
    MigrationJob.objects.filter(pk=job.pk).update(state=JobState.QUEUED, attempt=9, lease_owner="")
    time.sleep(2.5)
    go.set()
    thread.join()
    job.refresh_from_db()
    assert (job.state, job.attempt, job.result) == (JobState.QUEUED, 9, None)


def test_an_expected_error_is_stored_with_code_and_remedy_and_without_its_secret(
    queued: Make, engine: FakeEngine
) -> None:
    job = queued()

    def fail(phase: Phase) -> None:
        if phase is Phase.COPY:
            raise MosaicError("No postgresql://u:canary-77@h/d", remediation="Do password=canary-78", code=codes.BUG)

    engine.at_phase = fail
    runner.run(job.pk, job.attempt)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, "MOS-BUG-001")
    written = " ".join([job.error_message, job.error_remediation, *job.events.values_list("message", flat=True)])
    assert "canary" not in written


def test_a_bug_is_stored_as_one_and_can_be_resumed(queued: Make, engine: FakeEngine) -> None:
    job = queued()

    def fail(phase: Phase) -> None:
        raise ZeroDivisionError("canary-79")

    engine.at_phase = fail
    runner.run(job.pk, job.attempt)
    job.refresh_from_db()
    assert (job.error_code, job.is_resumable) == ("MOS-BUG-001", True)
    assert "canary" not in job.error_message


@pytest.mark.parametrize(
    ("outcome", "code"), [(OutcomeState.DIFFERENCES, "MOS-MIG-107"), (OutcomeState.REJECTS, "MOS-MIG-108")]
)
def test_differences_and_rejects_fail_the_run_and_keep_the_verification(
    queued: Make, engine: FakeEngine, outcome: OutcomeState, code: str
) -> None:
    job = queued()
    engine.outcome = outcome
    runner.run(job.pk, job.attempt)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, code)
    assert job.result["verification"]["tables"]


def test_a_dry_run_that_fails_says_why(new_job: Make) -> None:
    job = new_job()
    MigrationJob.objects.filter(pk=job.pk).update(source_document={"version": 1, "tier": "nonsense"})
    runner.make_plan(job.pk, job.attempt)
    job.refresh_from_db()
    assert job.state == JobState.PLAN_FAILED
    assert job.error_code.startswith("MOS-CFG")
    assert job.error_remediation


def test_a_lease_is_extended_given_up_and_ended_by_its_owner_only(queued: Make) -> None:
    job = queued()
    held = claim("run", job.pk, job.attempt, "atlas:1")
    assert held is not None
    assert extend(held) == Asked(ControlRequest.NONE, None)
    stranger = Claim(job.pk, job.attempt, "other:2", "run")
    assert extend(stranger) is None
    assert not give_up(stranger)
    assert not finish(stranger, event="never", state=JobState.FAILED)
    assert give_up(held)
    job.refresh_from_db()
    assert job.effective_state(timezone.now() + timedelta(milliseconds=1)) is EffectiveState.INTERRUPTED


def test_a_verified_run_keeps_a_signed_certificate_and_the_dashboard_shows_its_key(
    queued: Make, signed_in: Callable[[str], Client]
) -> None:
    job = queued()
    assert runner.run(job.pk, job.attempt)
    job.refresh_from_db()
    assert job.result is not None
    certificate = job.result["certificate"]
    assert check_signature(certificate)[0] is Trust.NOT_TRUSTED
    assert certificate["run_number"] == job.number
    client, fingerprint = signed_in("support"), certificate["signature"]["fingerprint"]
    assert fingerprint in client.get("/migrations/").content.decode()
    assert f"--fingerprint {fingerprint}" in client.get(f"/migrations/{job.number}/").content.decode()
    assert client.get("/migrations/signing-key.pem").content.startswith(b"-----BEGIN PUBLIC KEY-----")


def test_a_key_that_cannot_be_used_costs_the_signature_and_not_the_run(
    queued: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise SigningKeyError("Others may read it.", remediation="chmod")

    monkeypatch.setattr(runner, "ensure_key", refuse)
    job = queued()
    assert runner.run(job.pk, job.attempt)
    job.refresh_from_db()
    assert (job.state, (job.result or {})["certificate"].get("signature")) == (JobState.VERIFIED, None)
    assert job.events.filter(message__startswith="The certificate is not signed").exists()


def test_a_running_copy_follows_the_speed_limit(
    queued: Make, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queued()
    services.set_throttle(job=job, max_mb_s=5, by=BY)
    given: list[Throttle] = []
    monkeypatch.setattr(
        runner, "RunOptions", lambda **options: given.append(options["throttle"]) or RunOptions(**options)
    )
    go = hold_in(engine, Phase.COPY)
    thread = run_in_thread(job)
    until(lambda: bool(given))
    assert given[0].limit == 5_000_000
    job.refresh_from_db()
    services.set_throttle(job=job, max_mb_s=None, by=BY)
    until(lambda: given[0].limit is None)
    go.set()
    thread.join()
    events = AuditEvent.objects.filter(action=Action.MIGRATION_THROTTLE)
    assert next((event.before, event.after) for event in events) == ({"max_mb_s": 5.0}, {"max_mb_s": None})


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(queued: Make, limit: float) -> None:
    with pytest.raises(BadThrottleError):
        services.set_throttle(job=queued(), max_mb_s=limit, by=BY)
