"""Tells people when a run ends or stops: a mail, and the doctor's signed webhooks. Nothing here can fail a run."""

from __future__ import annotations

import logging
import smtplib
import socket
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from doctor.webhooks import queue_message
from migration.jobs import add_event, interrupted_rows
from migration.models import EffectiveState, JobState, MigrationJob
from migration.pages import one_line
from mosaic_admin.redaction import redact, redact_data

TOLD_STATES = (JobState.VERIFIED, JobState.REHEARSED, JobState.FAILED, JobState.CANCELLED)
LATE = timedelta(hours=6)  # an older end is no news any more: after an upgrade nobody is told of last year's runs

log = logging.getLogger(__name__)


def tell(job_id: int) -> bool:
    """Tell people how a run stands if it has ended or stopped and they do not know yet; False when there is no news."""
    try:
        job = MigrationJob.objects.get(pk=job_id)
        state = job.effective_state()
        if state != EffectiveState.INTERRUPTED and job.state not in TOLD_STATES:
            return False
        key = f"{job.attempt}-{state.value}"
        with transaction.atomic():  # noticed and queued, or neither
            if not MigrationJob.objects.filter(pk=job_id).exclude(noticed=key).update(noticed=key):
                return False
            queue_message(f"run-{job.number}-{key}", redact_data(message(job)))
        _mail(job)
    except DatabaseError:
        log.warning("Job %s: people could not be told; the sweeper tries again.", job_id)
        return False
    return True


def tell_of_all() -> int:
    """Tell of every run that ended or stopped lately; returns of how many. For the sweeper."""
    now = timezone.now()
    ended = Q(state__in=TOLD_STATES, finished_at__gte=now - LATE)
    stopped = interrupted_rows(now) & Q(lease_expires_at__gte=now - LATE)
    return sum(tell(pk) for pk in MigrationJob.objects.filter(ended | stopped).values_list("pk", flat=True))


def message(job: MigrationJob) -> dict[str, Any]:
    """Return what a webhook gets: `event` is `migration.` and the state."""
    state = job.effective_state()
    error = {"code": job.error_code, "message": job.error_message, "remediation": job.error_remediation}
    return {
        "event": f"migration.{state.value}",
        "at": timezone.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
        "install": socket.gethostname(),
        "run": job.number,
        "kind": job.kind,
        "state": state.value,
        "source": job.source_label,
        "target": job.target_name,
        "rows": {"done": job.rows_done, "total": job.rows_total},
        "duration_s": job.duration_s,
        "error": error if job.error_code else None,
        "path": f"/migrations/{job.number}/",
    }


def _mail(job: MigrationJob) -> None:
    people = [name.strip() for name in settings.ENV.notice_to.split(",") if name.strip()]
    if not (people and settings.EMAIL_HOST):
        return
    state = job.effective_state()
    what = "Rehearsal" if job.is_rehearsal else "Migration"
    subject = f"[Mosaic] {what} #{job.number}: {state.label.lower()}"
    try:
        EmailMessage(subject, _text(job, state), to=people).send()
    except (OSError, smtplib.SMTPException) as exc:  # the server's own words may hold what it was told
        log.warning("Job %s: the mail was not sent (%s).", job.pk, type(exc).__name__)
        add_event(
            job.pk, "The mail about this run could not be sent; look at the MOSAIC_EMAIL_ settings", level="warning"
        )


def _text(job: MigrationJob, state: EffectiveState) -> str:
    lines = [
        f"Run #{job.number}, {job.source_label} to {job.target_label}: {state.label.lower()}.",
        one_line(job, state).capitalize() + ".",
    ]
    if job.error_code:
        lines += ["", f"{job.error_code} {job.error_message}", f"Fix: {job.error_remediation}"]
    if state is EffectiveState.INTERRUPTED:
        lines += ["", "The worker stopped. Nothing is lost. Go on: mosaic storage migrate-tier --to federated --resume"]
    if state is EffectiveState.VERIFIED:
        lines += ["", "Nothing uses the federated store yet. Next: mosaic storage cutover"]
    return redact("\n".join([*lines, "", f"The run's page: /migrations/{job.number}/ on {socket.gethostname()}", ""]))
