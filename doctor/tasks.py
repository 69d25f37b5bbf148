"""The doctor on a schedule: beat sends `check` once a minute (mosaic_admin.celery)."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_ready

from doctor import suppressions, webhooks
from doctor.services import check_now


@shared_task(name="doctor.check")
def check() -> str:
    """Examine this install and keep the result. Idempotent: a second run lengthens the same span."""
    suppressions.mirror()  # each host's own command line learns of what was put aside on another one
    webhooks.resend_lost()
    return check_now().status.value


@shared_task(name=webhooks.TASK)
def deliver(delivery_id: str, attempt: int) -> None:
    """Send one message to one webhook; a message that comes twice is tried once."""
    webhooks.deliver(delivery_id, attempt)


@worker_ready.connect
def check_at_start(**_: Any) -> None:
    """Examine once as soon as a worker is there: the first page after a start has an answer, not "not checked yet"."""
    check.delay()
