"""What a run's page shows, computed from the row alone: the same after F5, in any web process, without JavaScript."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils import timezone

from migration.codes import LOCKED, WOULD_REJECT
from migration.engine.model import Phase
from migration.models import EffectiveState, MigrationJob
from migration.rehearsal import what_blocks

LIVE_STATES = frozenset(
    {EffectiveState.QUEUED, EffectiveState.RUNNING, EffectiveState.PAUSED, EffectiveState.INTERRUPTED}
)
POLL_S = {EffectiveState.RUNNING: 1, EffectiveState.QUEUED: 1, EffectiveState.PLANNING: 1}  # else: every 3 s
PHASE_WORDS = {
    "preflight": "Checking",
    "plan": "Checking the plan",
    "prepare": "Preparing",
    "copy": "Copying",
    "sequences": "Sequences",
    "indexes": "Indexing",
    "verify": "Verifying",
    "certificate": "Certificate",
}


@dataclass(frozen=True)
class PhaseStep:
    """One step of the stepper; `status` is done, now, stopped, failed or waiting."""

    label: str
    status: str
    percent: float
    seconds: float | None
    estimate_s: float | None

    @property
    def is_current(self) -> bool:
        return self.status in ("now", "stopped", "failed")


@dataclass(frozen=True)
class TableRow:
    name: str
    state: str
    rows_done: int
    rows_total: int
    bytes_done: int
    bytes_total: int
    chunks_done: int
    chunks_total: int

    @property
    def is_partly_done(self) -> bool:
        return self.state in ("copying", "interrupted", "paused")

    @property
    def percent(self) -> float:
        return _share(self.rows_done, self.rows_total)


@dataclass(frozen=True)
class TableGroup:
    """Tables of a plan that share a decision."""

    title: str
    icon: str
    tables: list[dict[str, Any]]

    @property
    def rows(self) -> int:
        return sum(table["rows"] for table in self.tables)

    @property
    def bytes(self) -> int:
        return sum(table["bytes"] for table in self.tables)


class RunPage:
    """A job as its page shows it at one moment."""

    def __init__(self, job: MigrationJob, now: datetime | None = None) -> None:
        self.job = job
        self.now = now or timezone.now()
        self.state = job.effective_state(self.now)

    @cached_property
    def progress(self) -> dict[str, Any]:
        return self.job.progress or {}

    @cached_property
    def plan(self) -> dict[str, Any]:
        return self.job.plan or {}

    @property
    def tag(self) -> str:
        """Return the polling tag. The row's version says what was written; a silent worker's age has to grow too."""
        silence = int(self.heartbeat_age_s) if self.heartbeat_age_s and self.heartbeat_age_s > 3 else 0
        return f"{self.job.version}-{self.state}-{silence if self.state is EffectiveState.RUNNING else 0}"

    @property
    def poll_s(self) -> int:
        return POLL_S.get(self.state, 3)

    @property
    def ledger_at(self) -> str:
        """When the target's ledger was read for an interrupted run, "" while the last report is all there is."""
        return str(self.progress.get("from_ledger", ""))

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_STATES

    @property
    def word(self) -> str:
        """Return the pill's word: what it does now, or in which phase it failed."""
        if self.state is EffectiveState.RUNNING:
            return PHASE_WORDS.get(self.job.phase, "Starting")
        if self.state is EffectiveState.FAILED and self.job.phase:
            return f"Failed in {self.job.phase}"
        return str(self.state.label)

    @property
    def title(self) -> str:
        """Return what the browser's tab says: how far first, since a tab shows only its beginning."""
        share = f"{self.percent:.0f} % · " if self.state is EffectiveState.RUNNING and self.job.phase == "copy" else ""
        return f"{share}Run #{self.job.number}: {self.word}"

    @property
    def heartbeat_age_s(self) -> float | None:
        return (self.now - self.job.heartbeat_at).total_seconds() if self.job.heartbeat_at else None

    @property
    def eta_s(self) -> float | None:
        eta: float | None = self.progress.get("eta_s")
        return eta

    @property
    def ends_at(self) -> datetime | None:
        return self.now + timedelta(seconds=self.eta_s) if self.eta_s is not None else None

    @property
    def rate(self) -> float:
        return float(self.progress.get("rate", 0.0)) if self.state is EffectiveState.RUNNING else 0.0

    @property
    def percent(self) -> float:
        return _share(self.job.bytes_done, self.job.bytes_total)

    @property
    def running_s(self) -> float | None:
        """Seconds since the first start; it stands still once nothing works on the run."""
        if self.state is EffectiveState.RUNNING and self.job.started_at:
            return (self.now - self.job.started_at).total_seconds()
        return self.job.duration_s

    @property
    def copiers(self) -> int:
        return int(self.job.options.get("copiers", 2))

    @property
    def is_asked_to_stop(self) -> str:
        return "" if self.job.control == "none" or self.state is not EffectiveState.RUNNING else self.job.control

    @cached_property
    def phases(self) -> list[PhaseStep]:
        taken: dict[str, float] = self.progress.get("phases", {})
        if self.job.result:
            taken = {**taken, **self.job.result.get("durations", {})}
        names = [phase.value for phase in Phase]
        current = names.index(self.job.phase) if self.job.phase else -1
        if self.state in (EffectiveState.VERIFIED, EffectiveState.REHEARSED):
            current = len(names)
        return [self._step(name, position - current, taken) for position, name in enumerate(names)]

    def _step(self, name: str, distance: int, taken: dict[str, float]) -> PhaseStep:
        estimate = self.plan.get("estimate", {}).get(name)
        if distance < 0:
            return PhaseStep(name.capitalize(), "done", 100, taken.get(name), estimate)
        if distance > 0:
            return PhaseStep(name.capitalize(), "waiting", 0, None, estimate)
        return PhaseStep(name.capitalize(), self._current_status(), self._phase_percent(name), None, estimate)

    def _current_status(self) -> str:
        match self.state:
            case EffectiveState.FAILED:
                return "failed"
            case EffectiveState.RUNNING:
                return "now"
            case _:
                return "stopped"

    def _phase_percent(self, name: str) -> float:
        if name == "indexes":
            return _share(self.progress.get("index_done", 0), self.progress.get("index_total", 0))
        return self.percent if name == "copy" else 0.0

    @cached_property
    def tables(self) -> list[TableRow]:
        """Tables in work first, then those that wait, then those that are done."""
        order = {"copying": 0, "waiting": 1, "copied": 2, "verified": 3}
        rows = sorted(self.progress.get("tables", []), key=lambda table: order.get(table["state"], 9))
        return [TableRow(**{**row, "state": self._table_state(row["state"])}) for row in rows]

    def _table_state(self, stored: str) -> str:
        if stored == "copying" and self.state is not EffectiveState.RUNNING:
            return "paused" if self.state is EffectiveState.PAUSED else "interrupted"
        return stored

    @property
    def tables_copied(self) -> int:
        return sum(table.state in ("copied", "verified") for table in self.tables)

    @property
    def versions(self) -> str:
        if not self.plan:
            return ""
        source, target = self.plan["source"], self.plan["target"]
        vector = f", pgvector {target['pgvector']}" if target.get("pgvector") else ""
        return f"{source['version']} to {target['version']}{vector}"

    @property
    def short_hash(self) -> str:
        """Return the plan's hash as people compare it: four groups of four."""
        short = self.job.plan_hash[:16]
        return " ".join(short[start : start + 4] for start in range(0, len(short), 4))

    @cached_property
    def checks(self) -> list[dict[str, Any]]:
        order = ["fail", "warn", "pass"]
        return sorted(self.plan.get("checks", []), key=lambda check: order.index(check["status"]))

    @property
    def blocking_checks(self) -> list[dict[str, Any]]:
        return [check for check in self.checks if check["status"] == "fail"]

    @property
    def checks_to_read(self) -> list[dict[str, Any]]:
        return [check for check in self.checks if check["status"] != "pass"]

    @property
    def checks_passed(self) -> list[dict[str, Any]]:
        return [check for check in self.checks if check["status"] == "pass"]

    @property
    def open_decisions(self) -> list[dict[str, Any]]:
        return list(self.plan.get("open_decisions", []))

    @property
    def decisions_left(self) -> str:
        number = len(self.open_decisions)
        return f"{number} decision{'' if number == 1 else 's'} left"

    @property
    def is_gateway_in_the_way(self) -> bool:
        return any(check["code"] == LOCKED.id for check in self.blocking_checks)

    @property
    def is_reject_in_the_way(self) -> bool:
        return any(check["code"] == WOULD_REJECT.id for check in self.blocking_checks)

    @property
    def why_no_rehearsal(self) -> str:
        return what_blocks(self.plan)

    @property
    def is_ready(self) -> bool:
        return bool(self.plan.get("is_ready"))

    @cached_property
    def groups(self) -> list[TableGroup]:
        kinds = (
            ("Migrate", "arrow-right", ("migrate",)),
            ("Carry as they are", "database-export", ("carry",)),
            ("Skip, they stay in the source", "minus", ("skip", "derived")),
        )
        tables = self.plan.get("tables", [])
        found = [
            TableGroup(title, icon, [_explained(table) for table in tables if table["action"] in actions])
            for title, icon, actions in kinds
        ]
        return [group for group in found if group.tables]

    @property
    def decision_counts(self) -> str:
        actions = [table["action"] for table in self.plan.get("tables", [])]
        words = ((actions.count(word), word) for word in ("migrate", "carry", "skip"))
        return ", ".join(f"{number} {word}" for number, word in words if number)

    @property
    def verification(self) -> dict[str, Any]:
        found: dict[str, Any] = (self.job.result or {}).get("verification") or {}
        return found

    @property
    def difference_count(self) -> int:
        found = self.verification
        unequal = sum(not table["is_equal"] for table in found.get("tables", []))
        return unequal + len(found.get("catalog_differences", [])) + len(found.get("sequence_differences", []))

    @property
    def rejects(self) -> int:
        return int((self.job.result or {}).get("rejects") or 0)

    @property
    def certificate(self) -> dict[str, Any]:
        found: dict[str, Any] = (self.job.result or {}).get("certificate") or {}
        return found

    @property
    def certificate_name(self) -> str:
        return f"mosaic-run{self.job.number}-{self.job.plan_hash[:8]}.cert.json"

    @property
    def discard_command(self) -> str:
        return f"mosaic storage discard {self.job.number}"

    @property
    def accept_command(self) -> str:
        return f"mosaic storage migrate-tier --to federated --dry-run --allow-rejects {self.rejects}"

    @property
    def verify_command(self) -> str:
        fingerprint = (self.certificate.get("signature") or {}).get("fingerprint", "F")
        return f"mosaic storage verify {self.certificate_name} --fingerprint {fingerprint}"

    @property
    def summary(self) -> str:
        return one_line(self.job, self.state)


def one_line(job: MigrationJob, state: EffectiveState) -> str:
    """Return a run's result in a few words, for lists; reads no heavy column."""
    match state:
        case EffectiveState.VERIFIED:
            return f"{job.rows_done:,} rows moved"
        case EffectiveState.REHEARSED:
            return f"{job.rows_done:,} rows moved on trial"
        case EffectiveState.FAILED | EffectiveState.PLAN_FAILED:
            where = f"in {job.phase}, " if job.phase else ""
            return f"{where}{job.error_code}"
        case EffectiveState.PLANNED:
            return f"{job.rows_total:,} rows would move"
        case EffectiveState.CANCELLED:
            return f"in {job.phase}" if job.phase else "before it started"
        case EffectiveState.PLANNING | EffectiveState.QUEUED:
            return f"from {job.source_label}"
        case _:
            return f"{job.phase or 'starting'}, {_share(job.bytes_done, job.bytes_total):.0f} %"


def _share(part: float, whole: float) -> float:
    return min(100.0, 100.0 * part / whole) if whole else 0.0


def _explained(table: dict[str, Any]) -> dict[str, Any]:
    """Add one sentence that says why and how, from the parts the plan has."""
    parts = [table["reason"]] if table["reason"] else []
    if table["action"] in ("migrate", "carry"):
        renamed = [column for column in table["columns"] if column["source"] != column["target"]]
        if renamed:
            more = f" and {len(renamed) - 1} more names" if len(renamed) > 1 else ""
            parts.append(f"{renamed[0]['source']} → {renamed[0]['target']}{more}")
        parts += [f"{name}: {reason}" for name, reason in table["dropped_columns"].items()]
        parts += [f"{table['chunks']} chunks"] if table["chunks"] > 1 else []
        parts += list(table["notes"])
    return {**table, "how": "; ".join(parts)}
