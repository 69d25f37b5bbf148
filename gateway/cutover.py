"""The gate's look at the cutover record (`tiers.cutover`): which store holds the data since a migration."""

from __future__ import annotations

from pathlib import Path

from gateway import codes
from gateway.errors import BootRefusedError
from tiers.config import ResolvedConfig, Tier
from tiers.cutover import CutoverRecord, CutoverUnreadableError, read_record


def check_cutover(config_path: Path, config: ResolvedConfig) -> None:
    """Refuse a configuration that names the store on the other side of the record."""
    record = _read(config_path)
    if record is None:
        return
    is_federated = config.tier is Tier.FEDERATED
    if record.is_active and not is_federated:
        raise BootRefusedError(
            f"cutover.json says that the data moved to the federated store, and the configuration names the "
            f"{config.tier} one.",
            expected="The federated configuration, or a record that says rolled_back.",
            fix="Finish the cutover: mosaic storage cutover. To go back on purpose: mosaic storage rollback; what the "
            "federated store gained stays there.",
            code=codes.CUTOVER_DISAGREES,
        )
    if not record.is_active and is_federated:
        raise BootRefusedError(
            "cutover.json says that the move to the federated store was rolled back, and the configuration names it.",
            expected="The configuration from before the move.",
            fix="Finish the rollback: mosaic storage rollback. To use the federated store again: mosaic storage "
            "cutover, as long as the old store gained nothing; else migrate again: mosaic storage migrate-tier",
            code=codes.CUTOVER_DISAGREES,
        )


def _read(config_path: Path) -> CutoverRecord | None:
    try:
        return read_record(config_path)
    except CutoverUnreadableError as error:
        raise BootRefusedError(
            error.message,
            expected="A JSON object whose state is active or rolled_back.",
            fix=error.remediation,
            code=error.code,
        ) from None
