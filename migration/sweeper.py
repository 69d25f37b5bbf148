"""Repairs what lost messages and dead workers leave behind; beat runs it every 15 seconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import F, Q
from django.utils import timezone

from migration import notices, queue, rehearsal
from migration.job_codes import PLANNING_LOST
from migration.jobs import change, interrupted_rows
from migration.ledger_progress import show_ledger
from migration.models import JobState, MigrationJob
from tiers.pglite.copies import sweep_copies

SWEEP_S = 15.0
LOST_WORKERS = 2  # a dry run that took three workers down is not tried on a fourth


def sweep() -> int:
    """Send queued jobs again whose message may be lost, and take up dry runs whose worker died.

    A message that was not lost makes a duplicate, and a duplicate claims nothing. Returns how many were sent.
    """
    long_ago = timezone.now() - timedelta(seconds=SWEEP_S)
    unsent = Q(enqueued_at__isnull=True) | Q(enqueued_at__lt=long_ago)
    waiting = MigrationJob.objects.filter(unsent, lease_owner="", state__in=(JobState.QUEUED, JobState.PLANNING))
    jobs = list(waiting.filter(created_at__lt=long_ago).only("pk", "attempt", "state"))
    sent = sum(queue.send("run" if job.state == JobState.QUEUED else "plan", [job.pk, job.attempt]) for job in jobs)
    sent += sum(_take_up(job) for job in _orphaned_plans())
    rehearsal.sweep()
    sweep_copies()
    for job in MigrationJob.objects.filter(interrupted_rows(timezone.now())):
        show_ledger(job)
    notices.tell_of_all()
    return sent


def _orphaned_plans() -> list[MigrationJob]:
    return list(MigrationJob.objects.filter(state=JobState.PLANNING, lease_expires_at__lt=timezone.now()))


def _take_up(job: MigrationJob) -> bool:
    expired = Q(lease_expires_at__lt=timezone.now())
    if job.lost_workers < LOST_WORKERS:
        changes: dict[str, Any] = {"lease_owner": "", "lease_expires_at": None}
        changes |= {"attempt": F("attempt") + 1, "lost_workers": F("lost_workers") + 1}
        event = "The worker stopped during the dry run; it is made again"
        is_mine = change(job, states=(JobState.PLANNING,), event=event, actor="", where=expired, **changes)
        return is_mine and queue.send("plan", [job.pk, job.attempt])
    change(
        job,
        states=(JobState.PLANNING,),
        event="Dry run given up",
        actor="",
        where=expired,
        state=JobState.PLAN_FAILED,
        lease_owner="",
        lease_expires_at=None,
        error_code=PLANNING_LOST.id,
        error_message="Every worker that took this dry run stopped before it was done. Nothing was written.",
        error_remediation="Read the worker's log (MOSAIC_HOME/logs/worker.log), then make the dry run again.",
    )
    return False
