"""Ended runs leave the history after a time that the install sets; nothing that is in force ever does."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from migration.models import FINISHED_STATES, Cutover, CutoverStatus, JobState, MigrationJob
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record

ENDED_STATES = (*FINISHED_STATES, JobState.PLANNED)


def old_runs(*, days: int, now: datetime | None = None) -> QuerySet[MigrationJob]:
    """Return the runs that ended, or were planned, more than `days` ago and that nothing rests on any more.

    Kept whatever their age: the newest verified run, runs with a cutover that is in force, and rehearsals whose
    database is not dropped yet.
    """
    before = (now or timezone.now()) - timedelta(days=days)
    is_old = Q(finished_at__lt=before) | Q(finished_at=None, created_at__lt=before)
    in_force = Cutover.objects.exclude(status=CutoverStatus.ROLLED_BACK).values("job")
    newest = MigrationJob.objects.filter(state=JobState.VERIFIED).order_by("-number").values("pk")[:1]
    rows = MigrationJob.objects.filter(is_old, state__in=ENDED_STATES, scratch_database="")
    return rows.exclude(pk__in=in_force).exclude(pk__in=list(newest.values_list("pk", flat=True)))


def forget(*, days: int) -> int:
    """Remove old runs with their events and samples; the audit log keeps that they were. Returns how many."""
    with transaction.atomic():
        runs = list(old_runs(days=days).values_list("pk", "number"))
        if not runs:
            return 0
        numbers = sorted(number for _, number in runs)
        Cutover.objects.filter(job__in=[pk for pk, _ in runs]).delete()
        MigrationJob.objects.filter(pk__in=[pk for pk, _ in runs]).delete()
        record(Action.MIGRATION_FORGET, f"{len(runs)} runs", after={"numbers": numbers[:1000], "older_than_days": days})
    return len(runs)
