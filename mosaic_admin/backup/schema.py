"""Whether this version knows a backup's tables, and the note in the restored audit log."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record
from mosaic_admin.backup.archive import Manifest, newer


def require_known_schema(manifest: Manifest) -> None:
    """Refuse schema migrations that this version does not have. Raises MosaicError (MOS-BAK-003)."""
    known = MigrationLoader(connection, ignore_no_migrations=True).disk_migrations or {}
    for app, names in manifest.schema.items():
        for name in names:
            if (app, name) not in known:
                raise newer(f"its tables have {app}.{name}")


def note_restore(subject: str, facts: dict[str, Any]) -> None:
    record(Action.BACKUP_RESTORE, subject, after=facts)
