"""The cutover record beside the configuration: which store holds the data since a migration.

`cutover.json`: `{"version": 1, "state": "active" | "rolled_back", "job_id": …, "source_fingerprint": …,
"target_fingerprint": …, "at": …}`. The gate reads it and nothing else of a migration's history.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway import codes
from gateway.errors import BootRefusedError
from tiers.config import ResolvedConfig, Tier

STATES = ("active", "rolled_back")


def record_path(config_path: Path) -> Path:
    return config_path.resolve().parent / "cutover.json"


def check_cutover(config_path: Path, config: ResolvedConfig) -> None:
    """Refuse a configuration that names the store on the other side of the record."""
    path = record_path(config_path)
    if not path.exists():
        return
    record = _read(path)
    is_federated = config.tier is Tier.FEDERATED
    if record["state"] == "active" and not is_federated:
        raise BootRefusedError(
            f"{path.name} says that the data moved to the federated store, and the configuration names the "
            f"{config.tier} one.",
            expected="The federated configuration, or a record that says rolled_back.",
            fix="Activate the federated configuration on the Tiers page. "
            f'To go back on purpose, set "state" to "rolled_back" in {path}; '
            "what the federated store gained stays there.",
            code=codes.CUTOVER_DISAGREES,
        )
    if record["state"] == "rolled_back" and is_federated:
        raise BootRefusedError(
            f"{path.name} says that the move to the federated store was rolled back, and the configuration names it.",
            expected="The configuration from before the move.",
            fix="Activate the earlier configuration on the Tiers page, or migrate again: mosaic storage migrate-tier",
            code=codes.CUTOVER_DISAGREES,
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        record = None
    if not isinstance(record, dict) or record.get("state") not in STATES:
        raise BootRefusedError(
            f"{path} is no cutover record that this version can read.",
            expected=f"A JSON object whose state is one of {', '.join(STATES)}.",
            fix=f"Restore it from a backup. If no cutover was ever made here, move it away: mv {path} {path}.broken",
            code=codes.CUTOVER_UNREADABLE,
        )
    return record
