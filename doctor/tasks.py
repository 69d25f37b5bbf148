"""The doctor on a schedule: beat sends `check` once a minute (mosaic_admin.celery)."""

from __future__ import annotations

from celery import shared_task

from doctor.services import check_now


@shared_task(name="doctor.check")
def check() -> str:
    """Examine this install and keep the result. Idempotent: a second run lengthens the same span."""
    return check_now().light
