"""Put what a command did into the audit log, where this host has the dashboard's database."""

from __future__ import annotations

from typing import Any

from mosaic_admin import env
from mosaic_admin.cli import setup_django


def note(action: str, subject: str, **details: Any) -> None:
    """Record an action by its word (`gateway.pause`). A host without the dashboard, or with it down, only logs it."""
    environment = env.load()
    if not environment.database_url and not (environment.home / "control.sqlite3").exists():
        return  # a host of the gateway alone: opening the database would make one
    setup_django()
    from mosaic_admin.audit.models import Action
    from mosaic_admin.audit.services import record_if_possible

    record_if_possible(Action(action), subject, **details)
