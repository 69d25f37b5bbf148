"""Restore a backup: verify, lay everything out, write down what will be done, do it, forget the note.

Until the note (`MOSAIC_HOME/restore.json`) is there nothing of the install was touched. From then on every step can be
repeated: a restore that is killed is finished by the next call, and nothing of the dashboard starts before that.
What was there lies in `MOSAIC_HOME/before-restore-<id>`, PostgreSQL's tables in the schema `mosaic_before_<id>`.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from glob import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mosaic_admin.backup import codes, parts, sqlite
from mosaic_admin.backup.archive import MANIFEST, Manifest, newer, read
from mosaic_admin.backup.in_use import JOURNAL
from mosaic_admin.backup.sealed import not_readable
from mosaic_admin.env import Environment
from mosaic_admin.errors import MosaicError
from mosaic_admin.private_files import write_beside, write_private

STAGING = "restore-"


@dataclass(frozen=True)
class Journal:
    """What a restore does: `files` is member -> the place it goes to."""

    id: str
    engine: str
    files: dict[str, str]
    subject: str
    facts: dict[str, Any]

    def staging(self, home: Path) -> Path:
        return home / f"{STAGING}{self.id}"

    def aside(self, home: Path) -> Path:
        return home / f"before-restore-{self.id}"


def prepare(
    source: Path, environment: Environment, *, passphrase: str, is_with_config: bool, is_with_secrets: bool
) -> tuple[Journal, Manifest]:
    """Verify a backup and lay it out beside the install, which is not touched. The caller holds `in_use.alone`.

    Raises:
        MosaicError: MOS-BAK-001, 002, 003, 007, 008.
    """
    home = environment.home.resolve()
    remove_leftovers(home)
    restore_id = f"{datetime.now(UTC):%Y%m%d%H%M%S}_{secrets.token_hex(2)}"
    staging = home / f"{STAGING}{restore_id}"
    staging.mkdir(mode=0o700)
    try:
        manifest = read(source, passphrase, staging)
        _require_usable(manifest, environment)
        (staging / MANIFEST).write_bytes(manifest.as_json())
        files = _chosen(manifest, environment, staging, is_with_config=is_with_config, is_with_secrets=is_with_secrets)
        facts = {
            "made": manifest.created_at,
            "version": manifest.mosaic_version,
            "database": manifest.engine,
            "files": sorted(files),
        }
        journal = Journal(restore_id, manifest.engine, files, f"backup {source.name}"[:200], facts)
        if manifest.engine == "sqlite":
            _bring_up_to_date(staging, manifest, journal)
    except BaseException:
        shutil.rmtree(staging)
        raise
    return journal, manifest


def remove_leftovers(home: Path) -> None:
    """Remove what a restore laid out that was killed before it began: without a note nothing needs it."""
    if not (home / JOURNAL).exists():
        for folder in home.glob(f"{STAGING}[0-9]*"):
            shutil.rmtree(folder, ignore_errors=True)


def _require_usable(manifest: Manifest, environment: Environment) -> None:
    if _numbers(manifest.mosaic_version) > _numbers(version("mosaic-admin")):
        raise newer(f"{manifest.mosaic_version}, and this is {version('mosaic-admin')}")
    engine = "postgresql" if environment.database_url else "sqlite"
    if manifest.engine != engine:
        raise MosaicError(
            f"The backup is one of {manifest.engine}, and this install uses {engine}.",
            remediation="Restore on an install with the same kind of database: DATABASE_URL decides.",
            code=codes.OTHER_ENGINE,
        )
    names = {member.name for member in manifest.members}
    expected = {f"database/{table}.copy" for table in manifest.tables} or {f"database/{sqlite.NAME}"}
    if {name for name in names if name.startswith("database/")} != expected or not manifest.schema:
        raise not_readable("its database is not whole")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _chosen(
    manifest: Manifest, environment: Environment, staging: Path, *, is_with_config: bool, is_with_secrets: bool
) -> dict[str, str]:
    """Return the files that go back: keys always, configuration and passwords when asked for."""
    folders = ("keys/", "admin-password", *(["config/"] if is_with_config else []))
    folders = (*folders, *(["secrets/"] if is_with_secrets else []))
    names = [member.name for member in manifest.members if member.name.startswith(folders)]
    if is_with_config:
        _require_same_cutover(staging / "config" / "cutover.json", parts.place_of("config/cutover.json", environment))
    return {name: str(parts.place_of(name, environment)) for name in names}


def _require_same_cutover(kept: Path, now: Path) -> None:
    """The gateway boots from configuration and cutover record: an old pair would send it to a store that was left."""
    before, after = (path.read_bytes() if path.is_file() else None for path in (kept, now))
    if after is not None and after != before:
        raise MosaicError(
            f"{now} tells of another cutover than the backup's: with its configuration the gateway would boot on a "
            "store that was left.",
            remediation="Restore without --with-config and keep today's configuration.",
            code=codes.CUT_OVER_SINCE,
        )


def _bring_up_to_date(staging: Path, manifest: Manifest, journal: Journal) -> None:
    """Run today's schema migrations on the copy, in a process of its own whose home is the staging folder."""
    home = staging / "home"
    home.mkdir(mode=0o700)
    (staging / "database" / sqlite.NAME).rename(home / sqlite.NAME)
    given = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "VALKEY_URL")}
    with tempfile.TemporaryFile() as words:
        done = subprocess.run(
            [sys.executable, "-m", "mosaic_admin.backup.staged", journal.subject, json.dumps(journal.facts)],
            env={**given, "MOSAIC_HOME": str(home), "MOSAIC_SECRET_KEY": secrets.token_hex(32)},
            input=manifest.as_json(),
            stdout=words,
            stderr=words,
            check=False,
        )
    if done.returncode == codes.NEWER.exit_code:
        raise newer("its tables have schema migrations that are unknown here")
    if done.returncode:
        raise not_readable("its database cannot be brought up to date")
    sqlite.snapshot(home / sqlite.NAME, staging / "database" / sqlite.NAME)


def commit(journal: Journal, environment: Environment) -> None:
    """Write the note: from here on the restore is going to be finished, by this process or a later one."""
    home = environment.home.resolve()
    write_private(home / JOURNAL, json.dumps(asdict(journal)))
    _sync(home)


def unfinished(home: Path) -> Journal | None:
    """Return the note of a restore that was cut short."""
    path = home / JOURNAL
    return Journal(**json.loads(path.read_text())) if path.exists() else None


def put_database(journal: Journal, home: Path) -> None:
    """Keep the SQLite database aside and replace it. Raises MosaicError (MOS-BAK-009), and it is the old one."""
    sqlite.keep_aside(home / sqlite.NAME, journal.aside(home) / sqlite.NAME)
    sqlite.replace(home / sqlite.NAME, journal.staging(home) / "database" / sqlite.NAME)


def put_files(journal: Journal, home: Path) -> None:
    """Put keys and other files in their places, and forget the note. Raises MosaicError (MOS-BAK-006)."""
    staging, aside = journal.staging(home), journal.aside(home)
    try:
        for name, place in journal.files.items():
            _keep_aside(Path(place), aside / name)
            _replace(staging / name, Path(place))
        forget(home)
        shutil.rmtree(staging)
    except OSError as exc:
        raise MosaicError(
            f"The restore could not put every file in its place (errno {exc.errno}).",
            remediation="See to room and rights of the folder, then: mosaic backup restore --finish",
            code=codes.UNFINISHED,
        ) from None


def forget(home: Path) -> None:
    (home / JOURNAL).unlink()
    _sync(home)


def _keep_aside(live: Path, aside: Path) -> None:
    if live.exists() and not aside.exists():
        aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(live, aside)


def _replace(source: Path, target: Path) -> None:
    """Copy a file (0600) so that its place holds the old one or the whole new one."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in target.parent.glob(f".{escape(target.name)}.*.restore"):
        left.unlink()  # by a restore that was killed
    write_beside(target, source.read_bytes(), suffix=".restore").rename(target)
    _sync(target.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
