"""The cutover record beside the configuration: which store holds the data since a tier migration.

`cutover.json` holds version, state (`active | rolled_back`), job_id (the run's number), run_id, source_fingerprint,
target_fingerprint, at, rolled_back_at. A fingerprint is `system identifier/database`.
The migration writes it, the boot gate reads it, and nothing else of a migration's history.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from mosaic_admin.errors import MosaicError
from tiers import codes
from tiers.writing import write_atomically

VERSION = 1


class CutoverState(StrEnum):
    ACTIVE = "active"
    ROLLED_BACK = "rolled_back"


class CutoverUnreadableError(MosaicError):
    """The record is there and is none that this version can read."""

    code = codes.CUTOVER_UNREADABLE


@dataclass(frozen=True)
class CutoverRecord:
    """What `cutover.json` says. Only `state` is sure to be there: a person may have written the file by hand."""

    state: CutoverState
    job_id: int | None = None
    run_id: str = ""
    source_fingerprint: str = ""
    target_fingerprint: str = ""
    at: str = ""  # ISO 8601 by the target's clock: what it gained is counted from here
    rolled_back_at: str | None = None
    version: int = VERSION

    @property
    def is_active(self) -> bool:
        return self.state is CutoverState.ACTIVE


def record_path(config_path: Path) -> Path:
    return config_path.resolve().parent / "cutover.json"


def read_record(config_path: Path) -> CutoverRecord | None:
    """Return the record beside a configuration file, None when there is none.

    Raises:
        CutoverUnreadableError: it is damaged, or of a later version.
    """
    path = record_path(config_path)
    try:
        return _parse(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        raise CutoverUnreadableError(
            f"{path} is no cutover record that this version can read.",
            remediation=f"Restore it from a backup. If no cutover was ever made here, move it away: "
            f"mv {path} {path}.broken",
            path=str(path),
        ) from None


def _parse(data: Any) -> CutoverRecord:
    """Unknown keys are left alone: a later version may add some, under the same version number."""
    known = {name: data[name] for name in CutoverRecord.__dataclass_fields__ if name in data}
    record = CutoverRecord(**{**known, "state": CutoverState(data["state"])})
    if record.version != VERSION:
        raise ValueError("another version")
    return record


def write_record(config_path: Path, record: CutoverRecord) -> None:
    """Replace the record in one step. Raises ConfigFileError; the old one is then untouched."""
    write_atomically(record_path(config_path), json.dumps(asdict(record), indent=2) + "\n")
