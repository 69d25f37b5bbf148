"""What people do with migration jobs. Pages, API and commands call these; each owns its transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from migration import queue
from migration.decisions import merge
from migration.endpoints import EndpointChoice, target_endpoint
from migration.engine.discard import Discarded, discard
from migration.engine.model import Decisions
from migration.errors import NotDiscardableError
from migration.job_codes import REJECTS
from migration.job_errors import (
    BadThrottleError,
    JobBusyError,
    PlanNotReadyError,
    StalePlanError,
    WrongConfirmationError,
    WrongNameError,
    WrongStateError,
)
from migration.jobs import add_event, change, note_words
from migration.models import ACTIVE_STATES, ControlRequest, EffectiveState, JobKind, JobState, MigrationJob
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record as audit
from mosaic_admin.errors import NotFoundError
from tiers.schema import Tier

MIN_MB_S, MAX_MB_S = 0.1, 100_000  # slower than that is a pause, faster than that is no limit
LARGEST_NUMBER = 2**31 - 1  # what a row can have; a database refuses to compare with more
NUMBER_ATTEMPTS = 5  # two people may ask for a dry run in the same moment
RESTORE: dict[str, Any] = {
    "lease_owner": "",
    "lease_expires_at": None,
    "control": ControlRequest.NONE,
    "error_code": "",
    "error_message": "",
    "error_remediation": "",
    "is_error_final": False,
}


@dataclass(frozen=True)
class Actor:
    """Who acts: a signed-in person, or the account that runs a command."""

    name: str
    user_id: int | None = None


def get_job(number: int) -> MigrationJob:
    """Return a job by its number.

    Raises:
        NotFoundError: there is none.
    """
    return _job(MigrationJob.objects.all(), number)


def _job(rows: QuerySet[MigrationJob], number: int) -> MigrationJob:
    try:
        if number > LARGEST_NUMBER:
            raise MigrationJob.DoesNotExist
        return rows.get(number=number)
    except MigrationJob.DoesNotExist:
        raise NotFoundError(
            f"There is no run #{number}.", remediation="See /migrations/ or `mosaic storage status` for the runs."
        ) from None


def glance_at(number: int) -> MigrationJob:
    """Return a job with no more than its polling tag is made of. Raises NotFoundError."""
    seen = ("number", "run_id", "version", "state", "heartbeat_at", "lease_expires_at")
    return _job(MigrationJob.objects.only(*seen), number)


def request_plan(
    *,
    source: EndpointChoice,
    target: EndpointChoice,
    decisions: Decisions | None = None,
    options: dict[str, Any] | None = None,
    by: Actor,
    is_inline: bool = False,
) -> MigrationJob:
    """Create a job and have a worker make its dry run; `is_inline` leaves the work to the caller's process.

    Raises:
        BrokerDownError: no worker can be told; nothing is created.
    """
    if not is_inline:
        queue.ensure_broker()
    with transaction.atomic():
        job = create_job(
            source_document=source.document,
            source_base_dir=source.base_dir,
            source_label=source.label,
            source_tier=source.tier,
            target_document=target.document,
            target_base_dir=target.base_dir,
            target_label=target.label,
            decisions=(decisions or Decisions()).as_dict(),
            options=options or {},
            created_by_id=by.user_id,
            created_by_name=by.name,
            search_text=f"{source.label} {target.label} {by.name}".lower(),
        )
        add_event(job.pk, "Dry run asked for", actor=by.name)
        _audit(Action.MIGRATION_PLAN, job)
        if not is_inline:
            queue.enqueue("plan", job)
    return job


def create_job(**values: Any) -> MigrationJob:
    """Create a job under the next free number."""
    for _ in range(NUMBER_ATTEMPTS - 1):
        try:
            return _create_job(values)
        except IntegrityError:
            continue
    return _create_job(values)


@transaction.atomic
def _create_job(values: dict[str, Any]) -> MigrationJob:
    job = MigrationJob.objects.create(number=_next_number(), **values)
    note_words(job.pk)
    return job


def _next_number() -> int:
    highest: int | None = MigrationJob.objects.aggregate(highest=Max("number"))["highest"]
    return (highest or 0) + 1


def decide(
    *, job: MigrationJob, decisions: Decisions | None = None, by: Actor, is_inline: bool = False
) -> MigrationJob:
    """Add decisions and make the dry run again; without decisions it is only made again.

    Raises:
        WrongStateError: the job is past its dry run.
    """
    if job.is_rehearsal:
        raise _wrong_state(job, "is a rehearsal; make another one from its dry run")
    if not is_inline:
        queue.ensure_broker()
    merged = merge(Decisions.from_dict(job.decisions), decisions or Decisions())
    with transaction.atomic():
        hit = change(
            job,
            states=(JobState.PLANNED, JobState.PLAN_FAILED),
            event="Decisions changed, dry run again" if decisions else "Dry run again",
            actor=by.name,
            state=JobState.PLANNING,
            attempt=F("attempt") + 1,
            decisions=merged.as_dict(),
            plan_hash="",
            lost_workers=0,
            **RESTORE,
        )
        if not hit:
            raise _wrong_state(job, "takes no decisions any more")
        _audit(Action.MIGRATION_DECIDE if decisions else Action.MIGRATION_PLAN, job, after=job.decisions)
        if not is_inline:
            queue.enqueue("plan", job)
    return job


def start_migration(
    *,
    job: MigrationJob,
    plan_hash: str,
    target_name: str,
    by: Actor,
    is_source_stopped: bool = False,
    is_inline: bool = False,
) -> MigrationJob:
    """Start a planned job, confirmed by the plan's hash, the target's name, and for a directory that nobody uses it.

    Raises:
        StalePlanError, WrongNameError, WrongConfirmationError, PlanNotReadyError, JobBusyError, WrongStateError:
        refused, nothing changed.
    """
    check_start(job, plan_hash=plan_hash, target_name=target_name)
    if job.source_tier == Tier.LOCAL and not is_source_stopped:
        raise WrongConfirmationError(
            "Nobody has said that every program that uses the source's directory is stopped.",
            remediation="Other hosts and containers can't be seen from here. Stop every Mosaic that uses the "
            "directory, then say so with the start.",
            field="source_stopped",
        )
    if not is_inline:
        queue.ensure_broker()
    try:
        with transaction.atomic():
            hit = change(
                job,
                states=(JobState.PLANNED,),
                event=f"Started, plan {plan_hash[:16]}",
                actor=by.name,
                where=Q(plan_hash=plan_hash),
                state=JobState.QUEUED,
                attempt=F("attempt") + 1,
                started_by_name=by.name,
                **RESTORE,
            )
            if not hit:
                raise _wrong_state(job, "cannot be started")
            _audit(Action.MIGRATION_START, job, after={"plan_hash": plan_hash, "target": job.target_name})
            if not is_inline:
                queue.enqueue("run", job)
    except IntegrityError:
        raise _busy(job) from None
    return job


def check_start(job: MigrationJob, *, plan_hash: str, target_name: str) -> None:
    """Refuse a start that does not fit the newest plan; the order is the order in which a person can repair it."""
    if job.state != JobState.PLANNED:
        raise _wrong_state(job, "cannot be started")
    if plan_hash != job.plan_hash:
        raise StalePlanError(
            f"The confirmed hash {plan_hash[:16] or '(none)'} is not the plan's, which is {job.plan_hash[:16]}.",
            remediation=f"Read the newest plan at /migrations/{job.number}/ and confirm that one, or make the dry run "
            "again: mosaic storage migrate-tier --to federated --dry-run",
        )
    if not (job.plan or {}).get("is_ready"):
        raise PlanNotReadyError(
            " ".join(["The plan is not ready.", *what_is_left(job)]),
            remediation=f"Settle it at /migrations/{job.number}/, or with the options that the dry run names.",
        )
    if target_name.strip() != job.target_name:
        raise WrongNameError(
            "The typed name is not the target's.", remediation=f"Type exactly: {job.target_name}", field="target_name"
        )


def what_is_left(job: MigrationJob) -> list[str]:
    """Return one sentence for each thing that stands between the plan and its start."""
    plan = job.plan or {}
    left = [f"Decide {item['subject']}." for item in plan.get("open_decisions", [])]
    return left + [check["message"] for check in plan.get("checks", []) if check["status"] == "fail"]


def request_pause(*, job: MigrationJob, by: Actor) -> MigrationJob:
    """Ask the worker to stop between chunks; its locks and connections are let go, Resume goes on from there."""
    return _request(job, ControlRequest.PAUSE, "Pause asked for", by)


def _request(job: MigrationJob, control: ControlRequest, event: str, by: Actor) -> MigrationJob:
    is_live = Q(lease_expires_at__gte=timezone.now())
    with transaction.atomic():
        if not change(job, states=(JobState.RUNNING,), event=event, actor=by.name, where=is_live, control=control):
            raise _wrong_state(job, "is not running")
        _audit(Action.MIGRATION_PAUSE if control == ControlRequest.PAUSE else Action.MIGRATION_CANCEL, job)
    return job


THROTTLED_STATES = (JobState.PLANNING, JobState.PLANNED, *ACTIVE_STATES)


def set_throttle(*, job: MigrationJob, max_mb_s: float | None, by: Actor) -> MigrationJob:
    """Limit the copy to so many MB (10^6 bytes) a second, None for no limit; a running copy follows within seconds.

    Raises: BadThrottleError, WrongStateError.
    """
    if max_mb_s is not None and not MIN_MB_S <= max_mb_s <= MAX_MB_S:
        raise BadThrottleError(
            "The speed limit cannot be used.",
            remediation=f"Give MB per second between {MIN_MB_S} and {MAX_MB_S:,}, or nothing for no limit.",
            field="max_mb_s",
        )
    before, words = job.max_mb_s, f"{max_mb_s:g} MB/s" if max_mb_s else "none"
    with transaction.atomic():
        event = f"Speed limit: {words}"
        if not change(job, states=THROTTLED_STATES, event=event, actor=by.name, max_mb_s=max_mb_s):
            raise _wrong_state(job, "copies nothing any more")
        _audit(Action.MIGRATION_THROTTLE, job, before={"max_mb_s": before}, after={"max_mb_s": max_mb_s})
    return job


def _audit(action: Action, job: MigrationJob, **details: Any) -> None:
    audit(action, f"run #{job.number}", link=f"/migrations/{job.number}/", **details)


def request_cancel(*, job: MigrationJob, confirmation: str, by: Actor) -> MigrationJob:
    """Cancel a run: a live worker stops between chunks; without one the row changes at once.

    Raises:
        WrongConfirmationError: `confirmation` is not `run N`.
    """
    expected = f"run {job.number}"
    if confirmation.strip().lower() != expected:
        raise WrongConfirmationError(
            "Cancelling needs the run's name.", remediation=f"Type exactly: {expected}", field="confirmation"
        )
    if job.effective_state() is EffectiveState.RUNNING:
        return _request(job, ControlRequest.CANCEL, "Cancel asked for", by)
    now = timezone.now()
    without_worker = Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lt=now)
    changes = RESTORE | {"state": JobState.CANCELLED, "finished_at": now, "attempt": F("attempt") + 1}
    states = (*ACTIVE_STATES, JobState.FAILED)
    with transaction.atomic():
        if not change(job, states=states, event="Cancelled", actor=by.name, where=without_worker, **changes):
            raise _wrong_state(job, "cannot be cancelled")
        _audit(Action.MIGRATION_CANCEL, job)
    return job


def resume_migration(*, job: MigrationJob, by: Actor, is_inline: bool = False) -> MigrationJob:
    """Queue a paused, interrupted or repairable failed job again; finished chunks are not copied twice.

    Raises:
        WrongStateError, JobBusyError, BrokerDownError
    """
    if not job.is_resumable:
        raise _wrong_state(job, "cannot be resumed")
    if not is_inline:
        queue.ensure_broker()
    without_worker = Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lt=timezone.now())
    changes = RESTORE | {"state": JobState.QUEUED, "attempt": F("attempt") + 1, "finished_at": None}
    changes["resumes"] = F("resumes") + 1
    states = (JobState.RUNNING, JobState.PAUSED, JobState.FAILED)
    action = Action.MIGRATION_CONTINUE if job.state == JobState.PAUSED else Action.MIGRATION_RESUME
    try:
        with transaction.atomic():
            if not change(job, states=states, event="Resumed", actor=by.name, where=without_worker, **changes):
                raise _wrong_state(job, "cannot be resumed")
            _audit(action, job)
            if not is_inline:
                queue.enqueue("run", job)
    except IntegrityError:
        raise _busy(job) from None
    return job


DISCARDED_STATES = (JobState.CANCELLED, JobState.FAILED)


def discard_run(*, job: MigrationJob, confirmation: str, by: Actor) -> int:
    """Take what a cancelled or failed run wrote out of its target, for good; return how many rows that were.

    Raises: WrongStateError, WrongConfirmationError, NotDiscardableError, StoreBusyError, JobBusyError.
    """
    if not job.can_discard:
        raise _wrong_state(job, "has nothing to discard; cancel a run first")
    if confirmation.strip() != job.target_name:
        raise WrongConfirmationError(
            "The typed name is not the target's.", remediation=f"Type exactly: {job.target_name}", field="confirmation"
        )
    if active_job_for(job.target_key):
        raise _busy(job)
    found = _discard(job)
    rows, tables = sum(found.rows.values()), sum(map(bool, found.rows.values()))
    event = f"Discarded: {rows:,} rows taken out of {tables} tables of the target"
    now = timezone.now()
    with transaction.atomic():
        change(
            job,
            states=DISCARDED_STATES,
            event=event,
            actor=by.name,
            state=JobState.CANCELLED,
            discarded_at=now,
            finished_at=job.finished_at or now,
        )
        _audit(Action.MIGRATION_DISCARD, job, after={"rows": rows, "target": job.target_name})
    return rows


def _discard(job: MigrationJob) -> Discarded:
    """Discard the job's own run, or the one of another job of ours that it went on with."""
    try:
        return discard(target_endpoint(job), run_id=job.run_id)
    except NotDiscardableError as error:
        siblings = MigrationJob.objects.filter(target_key=job.target_key, number__lt=job.number)
        found = error.context.get("run_id")
        if found is None:  # no run there: a discard before this one was cut short after its commit
            return Discarded(job.run_id)
        other = next((run_id for run_id in siblings.values_list("run_id", flat=True) if str(run_id) == found), None)
        if other is None:
            raise
        return discard(target_endpoint(job), run_id=other)


def accept_rejects(*, job: MigrationJob, by: Actor) -> MigrationJob:
    """Make a new dry run of the same two ends that permits the rejects a failed run found. Raises WrongStateError."""
    rejects = int((job.result or {}).get("rejects") or 0)
    if job.state != JobState.FAILED or job.error_code != REJECTS.id or not rejects:
        raise _wrong_state(job, "has no rejected rows that wait to be accepted")
    return request_plan(
        source=EndpointChoice(job.source_document, job.source_base_dir, job.source_label),
        target=EndpointChoice(job.target_document, job.target_base_dir, job.target_label),
        decisions=replace(Decisions.from_dict(job.decisions), allow_rejects=rejects),
        options=job.options,
        by=by,
    )


def active_job_for(target_key: str) -> MigrationJob | None:
    return MigrationJob.objects.filter(target_key=target_key, state__in=ACTIVE_STATES).first()


def last_job(*, now: datetime | None = None) -> MigrationJob | None:
    """Return the job that deserves attention: an active one, else the newest."""
    runs = MigrationJob.objects.filter(kind=JobKind.MIGRATION).defer("plan", "result")
    return runs.filter(state__in=ACTIVE_STATES).first() or runs.first()


def _busy(job: MigrationJob) -> JobBusyError:
    other = active_job_for(job.target_key)
    name = f"run #{other.number}" if other else "another run"
    number = other.number if other else job.number
    return JobBusyError(
        f"The target {job.target_name} is in the hands of {name}.",
        remediation=f"Wait for it, or cancel it: mosaic storage cancel {number}",
    )


def _wrong_state(job: MigrationJob, what: str) -> WrongStateError:
    state = job.effective_state()
    return WrongStateError(
        f"Run #{job.number} is {state.label.lower()} and {what}.",
        remediation=f"Look at /migrations/{job.number}/ or `mosaic storage status {job.number}` and choose again.",
    )
