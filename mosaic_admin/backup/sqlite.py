"""The control database as an SQLite file: copied and replaced by SQLite's own online backup, page by page.

Both ends stay whole whoever reads or writes meanwhile: a copy is one read transaction, a replacement one write
transaction that is there after a crash or is not.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from mosaic_admin.backup import codes
from mosaic_admin.backup.sealed import not_readable
from mosaic_admin.errors import MosaicError

NAME = "control.sqlite3"
WAIT_S = 20.0
# What opens a door without a password is not kept: a restore would open it again.
_DOORS = ("django_session", "people_failedsignin")


def snapshot(source: Path, target: Path) -> None:
    """Copy a database that is in use into a new file (0600), without open sign-ins. Raises MosaicError: MOS-BAK-009."""
    try:
        _copy(source, target)
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode=DELETE")
            copy.execute("PRAGMA secure_delete=ON")
            for table in _DOORS:
                with suppress(sqlite3.OperationalError):  # a table that this version does not have yet
                    copy.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names
            copy.execute("VACUUM")
    except sqlite3.Error as exc:
        raise _refused(source, exc) from None
    _check(target)


def _copy(source: Path, target: Path) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600))
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True, timeout=WAIT_S)) as before,
        closing(sqlite3.connect(target, timeout=WAIT_S)) as after,
    ):
        before.backup(after, pages=-1)


def _check(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as database:
            words = [row[0] for row in database.execute("PRAGMA integrity_check(1)")]
    except sqlite3.Error:
        words = ["it cannot be opened"]
    if words != ["ok"]:
        raise not_readable("the database in it is damaged")


def schema_of(path: Path) -> dict[str, list[str]]:
    """Return app -> applied schema migrations, in order."""
    found: dict[str, list[str]] = {}
    try:
        with closing(sqlite3.connect(path)) as database:
            for app, name in database.execute("SELECT app, name FROM django_migrations ORDER BY id"):
                found.setdefault(app, []).append(name)
    except sqlite3.Error:
        raise not_readable("the database in it has no tables of Mosaic Admin") from None
    return found


def keep_aside(live: Path, aside: Path) -> None:
    """Keep a copy of the live database, once: a second call leaves the first copy alone.

    A file that is no database any more, a reason to restore, is moved with what lies beside it.
    """
    if aside.exists() or not live.exists():
        return
    draft = aside.with_name(f".{aside.name}")
    draft.unlink(missing_ok=True)
    try:
        _copy(live, draft)
    except sqlite3.DatabaseError:
        draft.unlink(missing_ok=True)
        for ending in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                live.with_name(live.name + ending).rename(aside.with_name(aside.name + ending))
        return
    draft.rename(aside)


def replace(live: Path, staged: Path) -> None:
    """Make the live database the staged one, in one transaction. Raises MosaicError (MOS-BAK-009)."""
    try:
        _copy(staged, live)
    except sqlite3.Error as exc:
        raise _refused(live, exc) from None


def _refused(path: Path, error: sqlite3.Error) -> MosaicError:
    return MosaicError(
        f"SQLite refused to copy {path} ({getattr(error, 'sqlite_errorname', type(error).__name__)}).",
        remediation="Look at the disk's room and the file's owner, then try again; nothing was lost.",
        code=codes.DATABASE,
    )
