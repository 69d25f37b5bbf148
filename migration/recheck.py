"""Checks a certificate on any machine: its signature, and, when asked, its sums against the stores of today.

Needs no control plane: the plan that says how rows were compared lies in the target's ledger, and its hash is signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from migration.engine.connections import Sessions, driver_errors
from migration.engine.ledger_rows import read_rejects
from migration.engine.model import Endpoint, Plan, VerifyMode
from migration.engine.pglite import readable
from migration.engine.verify import Side, sides
from migration.job_errors import BadCertificateError
from migration.signing import Trust, check_signature
from store.ledger import RunRow, holder_name, read_run
from tiers.config import load_config

APPLICATION = "mosaic verify"


@dataclass(frozen=True)
class Difference:
    """A table whose sum today is not the certificate's. `end` is source or target."""

    table: str
    end: str
    rows_then: int
    rows_now: int


@dataclass(frozen=True)
class Recheck:
    """What a certificate is worth today. `checked` names the ends whose sums were taken."""

    trust: Trust
    fingerprint: str
    is_equal: bool  # what the certificate itself says
    checked: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    void_since: datetime | None = None
    tables: int = 0
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def holds(self) -> bool:
        return self.trust is Trust.TRUSTED and self.is_equal and not self.differences and self.void_since is None

    def as_dict(self) -> dict[str, Any]:
        names = ("run_id", "plan_hash", "issued_at", "mode", "rejected_rows")
        return {
            "holds": self.holds,
            "signature": self.trust.value,
            "fingerprint": self.fingerprint,
            "is_equal": self.is_equal,
            "checked": list(self.checked),
            "differences": [asdict(item) for item in self.differences],
            "void_since": self.void_since.isoformat() if self.void_since else None,
            "tables": self.tables,
            "certificate": {name: self.document.get(name) for name in names},
        }


def recheck(
    document: dict[str, Any],
    *,
    key: Ed25519PublicKey | None = None,
    fingerprint: str = "",
    source: Path | None = None,
    target: Path | None = None,
) -> Recheck:
    """Check the signature; with `target` (and `source`), configurations of the stores, also sums and the first write.

    Raises:
        BadCertificateError: it was changed, it is malformed, or the target does not hold this run.
        ServiceError, ConfigError: a store that was to be asked cannot be.
    """
    trust, signer = check_signature(document, key=key, fingerprint=fingerprint)
    if trust is Trust.INVALID:
        raise BadCertificateError(
            "The certificate was changed after it was signed, or its signature is not one.",
            remediation="Do not rely on it. Download it again from the run's page and compare.",
        )
    found = Recheck(trust, signer, bool(document.get("is_equal")), tables=len(_tables(document)), document=document)
    if target is None:
        return found
    return _against_stores(found, document, Endpoint(load_config(target), "target"), _optional(source))


def _optional(path: Path | None) -> Endpoint | None:
    return Endpoint(load_config(path), "source") if path else None


def _tables(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    try:
        return {str(table["name"]): table for table in document["tables"]}
    except (KeyError, TypeError):
        raise BadCertificateError(
            "The certificate has no tables that can be read.", remediation="Download it again from the run's page."
        ) from None


def _against_stores(found: Recheck, document: dict[str, Any], target: Endpoint, source: Endpoint | None) -> Recheck:
    sessions = Sessions()
    with driver_errors(), sessions.target(target, APPLICATION) as there:
        there.execute("SET default_transaction_read_only = on")
        there.execute("SET search_path = ''")
        run = read_run(there)
        plan = _plan_of(run, document)
        assert run is not None
        rejects = read_rejects(there, run.run_id)
        differences = _differences(there, document, plan, rejects, end=1)
        ends = ["target"]
        if source is not None:
            with readable(source, holder_name("mig")) as reachable, sessions.source(reachable, APPLICATION) as here:
                differences += _differences(here, document, plan, rejects, end=0)
            ends.append("source")
    return Recheck(
        found.trust,
        found.fingerprint,
        found.is_equal,
        tuple(ends),
        tuple(differences),
        run.first_write_at,
        found.tables,
        document,
    )


def _plan_of(run: RunRow | None, document: dict[str, Any]) -> Plan:
    """Return the ledger's plan when it is the certificate's: anything else would compare other columns."""
    if run is None or str(run.run_id) != document.get("run_id"):
        raise BadCertificateError(
            f"The target does not hold the certificate's run {document.get('run_id')}.",
            remediation="Name the configuration of the store that this run wrote to: --target CONFIG",
        )
    plan = Plan.from_dict(run.plan)
    if plan.hash != document.get("plan_hash"):
        raise BadCertificateError(
            "The plan in the target's ledger is not the one that the certificate was made for.",
            remediation="Somebody changed the ledger, or resumed the run with other decisions: take the newest "
            "certificate of the run.",
        )
    return plan


def _differences(
    connection: Any, document: dict[str, Any], plan: Plan, rejects: Mapping[str, list[str]], *, end: int
) -> list[Difference]:
    mode: VerifyMode = "exact" if document.get("mode") == "exact" else "typed"
    word = ("source", "target")[end]
    signed, found = _tables(document), []
    for table in plan.copied_tables:
        side: Side = sides(table, rejects.get(table.name, []))[end]
        row = connection.execute(side.sums(mode)).fetchone()
        now = (int(row[0]), f"{row[1]}:{row[2]}")
        then = signed.get(table.name, {f"{word}_rows": 0, f"{word}_sum": ""})
        if now != (then[f"{word}_rows"], then[f"{word}_sum"]):
            found.append(Difference(table.name, word, then[f"{word}_rows"], now[0]))
    return found
