"""Celery tasks: thin, acknowledged early, safe to deliver twice. The action's row is the truth."""

from __future__ import annotations

from celery import shared_task
from django.db import close_old_connections

from compose import actions
from compose.choice import runtime_for
from mosaic_admin import env
from mosaic_admin.errors import MosaicError


@shared_task(name="compose.act")
def act(action_id: int) -> None:
    """Carry out one queued action; a repeated message does nothing."""
    close_old_connections()
    try:
        action = actions.claim(action_id)
        if action is not None:
            actions.carry_out(action, lambda: runtime_for(env.load()))
    except MosaicError:
        pass  # it stands in the row, where the page shows it
    finally:
        close_old_connections()
