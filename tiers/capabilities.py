"""What each tier can do: the one table that the overview and the tier pages show."""

from __future__ import annotations

from dataclasses import dataclass

from tiers.schema import Tier

FOR_WHOM = {
    Tier.LOCAL: "one person, one laptop",
    Tier.STANDALONE: "one server",
    Tier.FEDERATED: "gateways that will talk to each other",
}


@dataclass(frozen=True)
class Capability:
    """One row: a word, or yes and no, per tier in the order of `Tier`."""

    name: str
    local: str | bool
    standalone: str | bool
    federated: str | bool

    def cells(self) -> list[tuple[Tier, str | bool]]:
        return [(tier, getattr(self, tier)) for tier in Tier]


CAPABILITIES = (
    Capability("Storage", "PGlite directory", "PostgreSQL", "PostgreSQL 17 + pgvector"),
    Capability("Queue", "In process", "Valkey", "Valkey"),
    Capability("Search in memory", "Keyword", "Keyword", "Keyword and meaning"),
    Capability("Several gateway processes", local=False, standalone=True, federated=True),
    Capability("Jobs survive a restart", local=False, standalone=True, federated=True),
    Capability("Vector search with an index", local=False, standalone=False, federated=True),
    Capability("Ready to talk to other gateways", local=False, standalone=False, federated=True),
)


@dataclass(frozen=True)
class TierChange:
    """What another tier brings and takes."""

    before: Tier
    after: Tier
    gains: list[str]
    loses: list[str]
    becomes: list[tuple[str, str, str]]  # capability, new word, old word


def tier_change(before: Tier, after: Tier) -> TierChange | None:
    """Return what is gained and lost on the way to another tier; None when the tier stays."""
    if before is after:
        return None
    change = TierChange(before, after, [], [], [])
    for row in CAPABILITIES:
        old, new = getattr(row, before), getattr(row, after)
        if isinstance(new, str):
            change.becomes.extend([(row.name, new, str(old))] if old != new else [])
        elif old != new:
            (change.gains if new else change.loses).append(row.name)
    return change


def matrix() -> dict[str, object]:
    """Return what `templates/tiers/capabilities.html` shows."""
    return {"heads": [(tier, FOR_WHOM[tier]) for tier in Tier], "rows": CAPABILITIES}
