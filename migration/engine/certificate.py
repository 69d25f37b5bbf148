"""The certificate: what was moved and how it was proved, as JSON that a later signature can cover."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from migration.engine.model import ENGINE_VERSION, Action, Plan, Verification
from migration.engine.verify import SEEDS

FORMAT = "mosaic-migration-certificate/1"


def make_certificate(plan: Plan, run_id: UUID, verification: Verification, *, snapshot_at: str) -> dict[str, Any]:
    """Return the unsigned certificate; `signature` is filled by whoever holds the key."""
    return {
        "format": FORMAT,
        "engine_version": ENGINE_VERSION,
        "run_id": str(run_id),
        "plan_hash": plan.hash,
        "issued_at": datetime.now(UTC).isoformat(),
        "snapshot_at": snapshot_at,
        "source": _end(plan.source.as_dict()),
        "target": _end(plan.target.as_dict()),
        "mode": verification.mode,
        "seeds": list(SEEDS) if verification.mode == "typed" else [],
        "is_equal": verification.is_equal,
        "rejected_rows": verification.rejects,
        "tables": [table.as_dict() for table in verification.tables],
        "left_behind": {t.source_table: t.reason for t in plan.tables if t.action is Action.SKIP},
        "catalog_differences": list(verification.catalog_differences),
        "sequence_differences": list(verification.sequence_differences),
        "signature": None,
    }


def _end(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: facts[key] for key in ("label", "tier", "version", "system_id", "database", "pgvector")}
