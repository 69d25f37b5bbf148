"""Make a backup, while the dashboard runs."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.db import connection

from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record_if_possible
from mosaic_admin.backup import codes, parts, postgres, sqlite
from mosaic_admin.backup.archive import Manifest, member_of, write
from mosaic_admin.env import Environment
from mosaic_admin.errors import MosaicError


def create_backup(
    target: Path, environment: Environment, *, is_with_config: bool, is_with_secrets: bool, passphrase: str
) -> Manifest:
    """Write a backup of this install to a new file (0600). Nothing is stopped for it.

    Raises:
        MosaicError: MOS-BAK-004 (it exists, or cannot be written), MOS-BAK-009 (the database refused).
    """
    choice = {"is_with_config": is_with_config, "is_with_secrets": is_with_secrets}
    home = environment.home.resolve()
    with tempfile.TemporaryDirectory(dir=home, prefix=".backup-") as name:  # mkdtemp makes it 0700
        folder = Path(name)
        database, tables, schema = _dumped(folder, home)
        files = {**database, **_copied(folder / "files", parts.present(environment, **choice))}
        manifest = Manifest(
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            mosaic_version=version("mosaic-admin"),
            engine=connection.vendor,
            schema=schema,
            members=tuple(member_of(member, file) for member, file in sorted(files.items())),
            tables=tables,
            left_out=tuple(parts.left_out(environment, **choice)),
        )
        write(target, manifest, files, passphrase)
    facts = {"database": connection.vendor, **choice, "encrypted": bool(passphrase), "members": len(manifest.members)}
    record_if_possible(Action.BACKUP_CREATE, f"backup {target.name}", after=facts)
    return manifest


def _dumped(folder: Path, home: Path) -> tuple[dict[str, Path], dict[str, Any], dict[str, list[str]]]:
    """Return the database's files, what has to be known of its tables, and its schema migrations."""
    if connection.vendor == "postgresql":
        rows = folder / "rows"
        rows.mkdir()
        tables = postgres.dump(rows)
        return {f"database/{file.name}": file for file in rows.iterdir()}, tables, postgres.schema_now()
    copy = folder / sqlite.NAME
    sqlite.snapshot(home / sqlite.NAME, copy)
    return {f"database/{sqlite.NAME}": copy}, {}, sqlite.schema_of(copy)


def _copied(folder: Path, present: dict[str, Path]) -> dict[str, Path]:
    """Copy the small files first: one that changes between its checksum and the archive would spoil the backup."""
    files = {}
    for name, path in present.items():
        files[name] = folder / name
        files[name].parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            files[name].write_bytes(path.read_bytes())
        except OSError as exc:
            raise MosaicError(
                f"{path} cannot be read (errno {exc.errno}).",
                remediation="Make the backup as the user that runs Mosaic Admin.",
                code=codes.UNREADABLE,
            ) from None
    return files
