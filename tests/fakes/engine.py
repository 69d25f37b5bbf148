"""An engine without servers: the same three functions, phases, control checks and sink calls as the real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from migration.engine.model import (
    Action,
    CheckResult,
    CheckStatus,
    ColumnPlan,
    Control,
    Decision,
    Decisions,
    Endpoint,
    EndpointFacts,
    Event,
    Outcome,
    OutcomeState,
    Phase,
    Plan,
    PrepareSchema,
    Progress,
    RunOptions,
    Sink,
    TablePlan,
    TableProgress,
    TableState,
    TableVerification,
    Totals,
    Verification,
    VerifyMode,
)

ROWS = 1_000
BYTES = 64_000


@dataclass
class FakeEngine:
    """Moves one table `tasks` of 1,000 rows. Shape what happens by the fields; `at_phase` runs inside each phase."""

    open_decisions: tuple[Decision, ...] = ()
    checks: tuple[CheckResult, ...] = (
        CheckResult("MOS-MIG-001", "direction", CheckStatus.PASS, "standalone → federated"),
    )
    outcome: OutcomeState = OutcomeState.VERIFIED
    at_phase: Callable[[Phase], None] = lambda phase: None
    calls: list[str] = field(default_factory=list)

    def make_plan(self, source: Endpoint, target: Endpoint, decisions: Decisions) -> Plan:
        self.calls.append("make_plan")
        columns = (ColumnPlan("id", "id", "uuid", "uuid"), ColumnPlan("teamId", "team_id", "uuid", "uuid"))
        tasks = TablePlan("tasks", "tasks", Action.MIGRATE, rows=ROWS, bytes=BYTES, columns=columns, key=("id",))
        sessions = TablePlan("sessions", "sessions", Action.SKIP, "bearer secrets", rows=3, bytes=8192)
        return Plan(
            source=_facts(source.label, "standalone", "1"),
            target=_facts(target.label, "federated", "2"),
            tables=(tasks, sessions),
            checks=self.checks,
            open_decisions=() if decisions.carry_tables or decisions.skip_tables else self.open_decisions,
            decisions=decisions,
            totals=Totals(tables=1, rows=ROWS, bytes=BYTES, skipped_tables=1, chunks=1),
            estimate={"copy": 1.0, "indexes": 0.5, "verify": 0.5},
            made_at=_now(),
        )

    def run_plan(
        self,
        plan: Plan,
        source: Endpoint,
        target: Endpoint,
        *,
        run_id: UUID,
        options: RunOptions,
        control: Control,
        sink: Sink,
        prepare_schema: PrepareSchema,
    ) -> Outcome:
        self.calls.append("run_plan")
        for phase in Phase:
            control.check()
            sink.event(Event("info", f"Phase {phase} started", _now()))
            if phase is Phase.PREPARE:
                prepare_schema(target)
            self.at_phase(phase)
            sink.progress(_progress(phase))
        verification = self.verify(plan, source, target, mode=options.verify_mode)
        rejects = int(self.outcome is OutcomeState.REJECTS)
        certificate = {"format": "mosaic-certificate/1", "run_id": str(run_id), "plan_hash": plan.hash}
        return Outcome(self.outcome, verification, certificate, dict.fromkeys(Phase, 0.1), rejects=rejects)

    def verify(self, plan: Plan, source: Endpoint, target: Endpoint, *, mode: VerifyMode = "typed") -> Verification:
        self.calls.append("verify")
        equal = self.outcome is not OutcomeState.DIFFERENCES
        keys = () if equal else ("11111111-1111-1111-1111-111111111111",)
        return Verification(
            mode, (TableVerification("tasks", mode, ROWS, ROWS, "a", "a" if equal else "b", equal, keys),)
        )


def _facts(label: str, tier: str, system_id: str) -> EndpointFacts:
    return EndpointFacts(
        label, f"postgresql://mosaic@127.0.0.1/{label}", tier, "18.6", system_id, label, BYTES, "UTF8", "C"
    )


def _progress(phase: Phase) -> Progress:
    loaded = phase not in (Phase.PREFLIGHT, Phase.PLAN, Phase.PREPARE)
    state = TableState.COPIED if loaded else TableState.WAITING
    rows, size = (ROWS, BYTES) if loaded else (0, 0)
    table = TableProgress("tasks", state, rows, ROWS, size, BYTES, int(loaded), 1)
    return Progress(phase, _now(), {}, (table,), rows, ROWS, size, BYTES)


def _now() -> str:
    return datetime.now(UTC).isoformat()
