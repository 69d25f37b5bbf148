"""The lease and the fence of a job row: every change is one conditional update that must hit one row.

No `select_for_update`: the control plane may be SQLite, and an update with its conditions is atomic on either.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from migration.models import ControlRequest, JobState, MigrationEvent, MigrationJob, RunWords
from mosaic_admin.redaction import redact

LEASE_S = 20.0  # a worker that is silent for so long counts as gone; people see it within 30 s
HEARTBEAT_S = 2.0  # ten chances to extend a lease before it runs out

Kind = Literal["plan", "run"]
_CLAIMED_STATE = {"plan": JobState.PLANNING, "run": JobState.RUNNING}


@dataclass(frozen=True)
class Claim:
    """One worker's hold on one attempt. An update through `rows()` hits nothing once the hold is lost."""

    job_id: int
    attempt: int
    owner: str
    kind: Kind

    def rows(self) -> QuerySet[MigrationJob]:
        return MigrationJob.objects.filter(
            pk=self.job_id, attempt=self.attempt, lease_owner=self.owner, state=_CLAIMED_STATE[self.kind]
        )


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def lease_end(now: datetime | None = None) -> datetime:
    return (now or timezone.now()) + timedelta(seconds=LEASE_S)


def claim(kind: Kind, job_id: int, attempt: int, owner: str) -> Claim | None:
    """Take the lease of one attempt; None when the message is stale, a duplicate, or the job is not waiting."""
    now = timezone.now()
    waiting = MigrationJob.objects.filter(pk=job_id, attempt=attempt, lease_owner="")
    changes: dict[str, Any] = {
        "lease_owner": owner,
        "lease_expires_at": lease_end(now),
        "heartbeat_at": now,
        "version": F("version") + 1,
    }
    if kind == "plan":
        hit = waiting.filter(state=JobState.PLANNING).update(**changes)
    else:
        changes |= {"state": JobState.RUNNING, "started_at": Coalesce("started_at", now), "finished_at": None}
        hit = waiting.filter(state=JobState.QUEUED).update(**changes)
    return Claim(job_id, attempt, owner, kind) if hit else None


@dataclass(frozen=True)
class Asked:
    """What people want of a running job: to stop, and how fast it may copy."""

    control: ControlRequest
    max_mb_s: float | None


def extend(held: Claim, **changes: Any) -> Asked | None:
    """Extend the lease and write `changes` in the same update; None when the hold is lost, else what was asked."""
    now = timezone.now()
    hit = held.rows().update(lease_expires_at=lease_end(now), heartbeat_at=now, version=F("version") + 1, **changes)
    if not hit:
        return None
    control, max_mb_s = MigrationJob.objects.values_list("control", "max_mb_s").get(pk=held.job_id)
    return Asked(ControlRequest(control), max_mb_s)


def give_up(held: Claim) -> bool:
    """End the own lease at once, so that people see the interruption within seconds and can resume elsewhere."""
    now = timezone.now()
    return bool(held.rows().update(lease_expires_at=now - timedelta(milliseconds=1), version=F("version") + 1))


def finish(held: Claim, *, event: str, level: str = "info", **changes: Any) -> bool:
    """End an attempt: its result and its event in one transaction; False (and no write) when the hold is lost."""
    with transaction.atomic():
        hit = held.rows().update(
            lease_owner="",
            lease_expires_at=None,
            control=ControlRequest.NONE,
            version=F("version") + 1,
            **changes,
        )
        if hit:
            note_words(held.job_id, changes)
            add_event(held.job_id, event, level=level)
    return bool(hit)


def change(
    job: MigrationJob, *, states: tuple[str, ...], event: str, actor: str, where: Q | None = None, **changes: Any
) -> bool:
    """Move a job that is still in the state and attempt that `job` shows; the event commits with it."""
    with transaction.atomic():
        rows = MigrationJob.objects.filter(pk=job.pk, attempt=job.attempt, state__in=states)
        hit = rows.filter(where or Q()).update(version=F("version") + 1, **changes)
        if hit:
            note_words(job.pk, changes)
            add_event(job.pk, event, actor=actor)
    job.refresh_from_db()
    return bool(hit)


FOUND_BY = ("search_text", "error_code", "error_message", "started_by_name")


def note_words(job_id: int, changed: Iterable[str] = FOUND_BY) -> None:
    """Write down what the history finds a run by, when one of the columns in question has changed."""
    if not set(changed).isdisjoint(FOUND_BY):
        number, *texts = MigrationJob.objects.values_list("number", *FOUND_BY).get(pk=job_id)
        text = " ".join(filter(None, texts)).lower()
        RunWords.objects.update_or_create(job_id=number, defaults={"text": text})


def add_event(
    job_id: int, message: str, *, level: str = "info", actor: str = "", at: datetime | None = None
) -> MigrationEvent:
    return MigrationEvent.objects.create(
        job_id=job_id, message=redact(message), level=level, actor=actor, at=at or timezone.now()
    )


def interrupted_rows(now: datetime) -> Q:
    """The condition that `MigrationJob.effective_state` calls interrupted."""
    return Q(state__in=(JobState.RUNNING, JobState.PAUSED), lease_expires_at__lt=now)
