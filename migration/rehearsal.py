"""A rehearsal: the whole migration into a scratch database on the target's server, verified, timed, thrown away.

It takes no lock on the source and reads one snapshot, so the gateway may go on serving. It is a job like any other
(live page, cancel, lease) that cannot be resumed: whatever ends it, its database is dropped, by the sweeper if need be.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from migration import codes, queue
from migration.endpoints import target_storage
from migration.engine.model import Decisions, Plan
from migration.job_codes import REHEARSAL_LOST
from migration.job_errors import PlanNotReadyError, WrongStateError
from migration.jobs import add_event, change
from migration.models import ACTIVE_STATES, JobKind, JobState, MigrationJob
from migration.scratch import drop_scratch, make_scratch, scratch_name
from migration.services import Actor, create_job
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record as audit
from mosaic_admin.errors import MosaicError

MAY_BLOCK = (codes.LOCKED.id, codes.SESSIONS.id)  # what is in a migration's way and not in a rehearsal's
RECENT = 20

log = logging.getLogger(__name__)


def what_blocks(plan: dict[str, Any] | None) -> str:
    """Return why a dry run cannot be rehearsed, "" when it can."""
    if not plan:
        return "There is no plan yet."
    if plan.get("open_decisions"):
        return f"Decide {plan['open_decisions'][0]['subject']} first."
    if plan.get("target_state") != "empty":
        return "The target is not empty: a rehearsal starts from a copy of the empty target."
    blocking = [c for c in plan.get("checks", []) if c["status"] == "fail" and c["code"] not in MAY_BLOCK]
    return f"{blocking[0]['name']}: {blocking[0]['message']}." if blocking else ""


def request_rehearsal(*, job: MigrationJob, by: Actor, is_inline: bool = False) -> MigrationJob:
    """Create the rehearsal of a dry run and tell a worker. Returns the rehearsal's own job.

    Raises: WrongStateError, PlanNotReadyError, BrokerDownError.
    """
    if job.state != JobState.PLANNED or job.is_rehearsal:
        raise WrongStateError(
            f"Run #{job.number} is {job.effective_state().label.lower()}: only a dry run can be rehearsed.",
            remediation="Make a dry run first: mosaic storage migrate-tier --to federated --dry-run",
        )
    if reason := what_blocks(job.plan):
        raise PlanNotReadyError(reason, remediation=f"Settle it at /migrations/{job.number}/, then rehearse.")
    if not is_inline:
        queue.ensure_broker()
    with transaction.atomic():
        made = create_job(
            kind=JobKind.REHEARSAL,
            rehearsal_of=job,
            decisions=replace(Decisions.from_dict(job.decisions), allow_sessions=True).as_dict(),
            options=job.options,
            created_by_id=by.user_id,
            created_by_name=by.name,
            started_by_name=by.name,
            search_text=job.search_text,
            **{name: getattr(job, name) for name in _SAME},
        )
        MigrationJob.objects.filter(pk=made.pk).update(scratch_database=scratch_name(made.run_id))
        made.refresh_from_db()
        add_event(made.pk, f"Rehearsal of the dry run #{job.number} asked for", actor=by.name)
        audit(Action.MIGRATION_REHEARSE, f"run #{made.number}", link=f"/migrations/{made.number}/")
        if not is_inline:
            queue.enqueue("plan", made)
    return made


_SAME = (
    "source_document", "source_base_dir", "source_label", "source_tier", "target_document", "target_base_dir",
    "target_label", "max_mb_s",
)  # fmt: skip


def prepare_scratch(job: MigrationJob) -> None:
    """Make the rehearsal's database, anew when a worker before left half of one."""
    make_scratch(target_storage(job), job.scratch_database)


def refuse_unready(plan: Plan) -> None:
    """Stop a rehearsal whose plan into the scratch database would not run. Raises PlanNotReadyError."""
    blocking = [check for check in plan.blocking_checks if check.code not in MAY_BLOCK]
    if blocking:
        raise PlanNotReadyError(f"{blocking[0].name}: {blocking[0].message}.", remediation=blocking[0].remediation)


def send_on(job_id: int) -> None:
    """Tell a worker that the rehearsal's plan is made, so that it need not wait for the sweeper."""
    job = MigrationJob.objects.filter(pk=job_id, kind=JobKind.REHEARSAL, state=JobState.QUEUED).first()
    if job is not None:
        queue.send("run", [job.pk, job.attempt])


def settle(job_id: int) -> None:
    """After an attempt that ended the rehearsal: keep what was measured, and drop the database."""
    job = MigrationJob.objects.get(pk=job_id)
    if not job.is_rehearsal or job.state in (JobState.PLANNING, *ACTIVE_STATES):
        return
    if job.state == JobState.REHEARSED:
        _note_measured(job)
    discard_scratch(job)


def discard_scratch(job: MigrationJob) -> bool:
    """Drop the scratch database; a server that does not answer is asked again by the sweeper."""
    if not job.scratch_database:
        return True
    try:
        drop_scratch(target_storage(job), job.scratch_database)
    except MosaicError as error:
        log.warning("Rehearsal #%s: its database is not dropped yet: %s", job.number, error.code.id)
        return False
    with transaction.atomic():
        if MigrationJob.objects.filter(pk=job.pk, scratch_database=job.scratch_database).update(scratch_database=""):
            add_event(job.pk, "The scratch database is dropped")
    return True


def _note_measured(job: MigrationJob) -> None:
    """Give the dry run the measured times, as long as it is still the one that was rehearsed."""
    origin = job.rehearsal_of
    if origin is None or origin.state != JobState.PLANNED or not origin.plan:
        return
    plan = with_measured(Plan.from_dict(origin.plan), job)
    MigrationJob.objects.filter(pk=origin.pk, plan_hash=origin.plan_hash, state=JobState.PLANNED).update(
        plan=plan.as_dict(), version=F("version") + 1
    )
    add_event(origin.pk, f"Rehearsed by run #{job.number}: {plan.estimate_s:.0f} s")


def with_measured(plan: Plan, job: MigrationJob) -> Plan:
    """Put a rehearsal's measured seconds per phase in the place of the estimate."""
    durations = {name: float(seconds) for name, seconds in (job.result or {}).get("durations", {}).items()}
    return replace(plan, estimate=durations, measured_by=job.number)


def measured(plan: Plan) -> Plan:
    """Return the plan with the newest fitting rehearsal's times: the same source, server and tables; else as it is."""
    tables = {table.name for table in plan.copied_tables}
    rows = MigrationJob.objects.filter(kind=JobKind.REHEARSAL, state=JobState.REHEARSED)
    for job in rows.filter(target_key__startswith=f"{plan.target.system_id}/")[:RECENT]:
        then = Plan.from_dict(job.plan or {})
        same_source = (then.source.system_id, then.source.database) == (plan.source.system_id, plan.source.database)
        if same_source and {table.name for table in then.copied_tables} == tables:
            return with_measured(plan, job)
    return plan


def sweep() -> None:
    """End rehearsals whose worker stopped, and drop what is left of those that ended."""
    lost = MigrationJob.objects.filter(
        kind=JobKind.REHEARSAL, state__in=(JobState.RUNNING, JobState.PAUSED), lease_expires_at__lt=timezone.now()
    )
    for job in lost:
        _give_up(job)
    ended = ~Q(state__in=(JobState.PLANNING, *ACTIVE_STATES))
    for job in MigrationJob.objects.filter(ended, kind=JobKind.REHEARSAL).exclude(scratch_database=""):
        discard_scratch(job)


def _give_up(job: MigrationJob) -> None:
    change(
        job,
        states=(JobState.RUNNING, JobState.PAUSED),
        event="The worker stopped during the rehearsal; its scratch database is dropped",
        actor="",
        where=Q(lease_expires_at__lt=timezone.now()),
        state=JobState.FAILED,
        attempt=F("attempt") + 1,
        lease_owner="",
        lease_expires_at=None,
        finished_at=timezone.now(),
        is_error_final=True,
        error_code=REHEARSAL_LOST.id,
        error_message="The worker stopped in the middle of the rehearsal. Nothing of it stays.",
        error_remediation="Rehearse again: mosaic storage migrate-tier --to federated --rehearse",
    )
