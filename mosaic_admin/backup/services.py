"""Restore from the first check to the last file, on either engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mosaic_admin.backup import codes, restore
from mosaic_admin.backup.archive import MANIFEST, Manifest, parse_manifest
from mosaic_admin.backup.in_use import JOURNAL, alone
from mosaic_admin.backup.restore import Journal
from mosaic_admin.cli import setup_django
from mosaic_admin.env import Environment
from mosaic_admin.errors import MosaicError

Confirm = Callable[[Manifest], None]
POSTGRESQL = "postgresql"
WORKERS_ANSWER_S = 1.5


def restore_backup(
    source: Path,
    environment: Environment,
    *,
    passphrase: str,
    is_with_config: bool,
    is_with_secrets: bool,
    confirm: Confirm,
) -> Journal:
    """Replace this install's dashboard by a backup; what was there is kept aside. `confirm` may raise to stop it.

    Raises:
        MosaicError: MOS-BAK-001 to 003 and 007 to 009, and nothing was touched; 005: something runs; 006: an earlier
        restore has to be finished first.
    """
    home = environment.home.resolve()
    with alone(home):
        if (home / JOURNAL).exists():
            raise MosaicError(
                "An earlier restore was cut short.",
                remediation="Finish it first: mosaic backup restore --finish",
                code=codes.UNFINISHED,
            )
        if environment.database_url:
            _require_no_workers()
        journal, manifest = restore.prepare(
            source,
            environment,
            passphrase=passphrase,
            is_with_config=is_with_config,
            is_with_secrets=is_with_secrets,
        )
        try:
            confirm(manifest)
            _require_known(manifest)
            restore.commit(journal, environment)
        except BaseException:
            restore.remove_leftovers(home)
            raise
        _apply(journal, home)
    return journal


def finish_restore(environment: Environment) -> Journal | None:
    """Finish a restore that was cut short; None when there is none. Raises MosaicError (MOS-BAK-005, 006, 009)."""
    home = environment.home.resolve()
    with alone(home):
        journal = restore.unfinished(home)
        if journal is not None:
            if journal.engine == POSTGRESQL:
                setup_django()
            _apply(journal, home)
    return journal


def _apply(journal: Journal, home: Path) -> None:
    """The database first: as long as it refuses, nothing was done, and the note goes away again."""
    journal.aside(home).mkdir(mode=0o700, exist_ok=True)
    try:
        if journal.engine == POSTGRESQL:
            _put_postgres(journal, home)
        else:
            restore.put_database(journal, home)
    except MosaicError:
        restore.forget(home)
        restore.remove_leftovers(home)
        raise
    restore.put_files(journal, home)


def _require_known(manifest: Manifest) -> None:
    """SQLite's copy was brought up to date already; PostgreSQL's tables are made from the names that are known here."""
    if manifest.engine == POSTGRESQL:
        from mosaic_admin.backup.schema import require_known_schema

        require_known_schema(manifest)


def _put_postgres(journal: Journal, home: Path) -> None:
    from mosaic_admin.backup import postgres  # these need Django to be set up
    from mosaic_admin.backup.schema import note_restore

    if postgres.is_done(journal.id):
        return
    staging = journal.staging(home)
    manifest = parse_manifest((staging / MANIFEST).read_bytes())
    noted = partial(note_restore, journal.subject, journal.facts)
    postgres.load(staging / "database", manifest, journal.id, on_filled=noted)


def _require_no_workers() -> None:
    """The lock tells of this host only; the workers of others answer through the broker."""
    setup_django()
    from django.conf import settings
    from django.utils.module_loading import import_string

    try:
        answers = import_string(settings.MOSAIC_CELERY_APP).control.ping(timeout=WORKERS_ANSWER_S)
    except Exception:  # noqa: BLE001 - no broker, no worker: that everything is down is what a restore waits for
        answers = []
    if names := sorted(name for answer in answers for name in answer):
        raise MosaicError(
            f"Workers of this dashboard answer: {', '.join(names)[:200]}.",
            remediation="Stop web, worker and beat on every host that shares the database, then restore.",
            code=codes.IN_USE,
        )
