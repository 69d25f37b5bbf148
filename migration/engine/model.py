"""The engine's vocabulary: what goes in, what comes out. Pure data; imports no driver, no Django, no Celery."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self
from uuid import UUID

from pydantic import TypeAdapter

from migration.engine.throttle import Throttle
from mosaic_admin.canonical import canonical_json

if TYPE_CHECKING:
    from tiers.config import ResolvedConfig

ENGINE_VERSION = "1"
VerifyMode = Literal["typed", "exact"]


class Phase(StrEnum):
    """The phases of a run, in order (docs/architecture.md)."""

    PREFLIGHT = "preflight"
    PLAN = "plan"
    PREPARE = "prepare"
    COPY = "copy"
    SEQUENCES = "sequences"
    INDEXES = "indexes"
    VERIFY = "verify"
    CERTIFICATE = "certificate"


class Action(StrEnum):
    """What the manifest says about one source table. DERIVED: the target computes it, nothing is copied."""

    MIGRATE = "migrate"
    CARRY = "carry"
    SKIP = "skip"
    DERIVED = "derived"
    UNDECIDED = "undecided"

    @property
    def copies(self) -> bool:
        return self in (Action.MIGRATE, Action.CARRY)


class CheckStatus(StrEnum):
    PASS = "pass"  # noqa: S105  # a status word, not a password
    WARN = "warn"
    FAIL = "fail"


class TableState(StrEnum):
    WAITING = "waiting"
    COPYING = "copying"
    COPIED = "copied"
    VERIFIED = "verified"


class OutcomeState(StrEnum):
    VERIFIED = "verified"
    DIFFERENCES = "differences"
    REJECTS = "rejects"


class _Data:
    """JSON-like round trip for the frozen dataclasses below: `from_dict(as_dict())` is equal to the original."""

    def as_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = _adapter(type(self)).dump_python(self, mode="json")
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        made: Self = _adapter(cls).validate_python(data)
        return made


_adapters: dict[type[Any], TypeAdapter[Any]] = {}  # building one costs milliseconds


def _adapter(cls: type[Any]) -> TypeAdapter[Any]:
    if cls not in _adapters:
        _adapters[cls] = TypeAdapter(cls)
    return _adapters[cls]


@dataclass(frozen=True)
class Endpoint:
    """One end of a migration: an already validated configuration and the name people know it by."""

    config: ResolvedConfig
    label: str


@dataclass(frozen=True)
class Decisions(_Data):
    """What an admin decided where the manifest doesn't know. Names are the source's; columns are `table.column`."""

    carry_tables: tuple[str, ...] = ()
    skip_tables: dict[str, str] = field(default_factory=dict)  # table → reason
    carry_columns: tuple[str, ...] = ()
    drop_columns: tuple[str, ...] = ()
    map_values: dict[str, str] = field(default_factory=dict)  # "tasks.status:not-started" → "todo"
    allow_rejects: int = 0
    allow_sessions: bool = False


@dataclass(frozen=True)
class ColumnPlan(_Data):
    """How one target column is filled. `cast` is a SQL expression over the source's row, "" for the column as it is."""

    source: str
    target: str
    source_type: str = ""
    target_type: str = ""
    cast: str = ""
    note: str = ""


@dataclass(frozen=True)
class SureKey(_Data):
    """Columns whose values no two rows share, among the rows that meet `where` ("" for all)."""

    columns: tuple[str, ...]
    where: str = ""


@dataclass(frozen=True)
class TablePlan(_Data):
    """`name` is the table's name in the target, `source_table` in the source; `chunks` is what the rows make today."""

    name: str
    source_table: str
    action: Action
    reason: str = ""
    rows: int = 0
    bytes: int = 0
    columns: tuple[ColumnPlan, ...] = ()
    dropped_columns: dict[str, str] = field(default_factory=dict)  # column → reason
    key: tuple[str, ...] = ()  # source columns that give every row a place; () means: no usable key
    chunk_column: str = ""  # source column whose ranges make the chunks
    chunks: int = 1
    notes: tuple[str, ...] = ()
    largest_value_bytes: int = 0
    ddl: tuple[str, ...] = ()  # statements that create a carried table, or add carried columns, in the target
    late_ddl: tuple[tuple[str, str, str], ...] = ()  # (kind, name, statement) of indexes and keys, after the load
    sequences: tuple[tuple[str, str], ...] = ()  # (source sequence, target sequence)
    computed: tuple[ColumnPlan, ...] = ()  # generated in the target as in the source: not copied, verified
    sure_keys: tuple[SureKey, ...] = ()  # of target columns: what the source's own keys guarantee
    is_partitioned: bool = False  # in the source: read with its partitions, any other table without its children


@dataclass(frozen=True)
class CheckResult(_Data):
    """One preflight check; FAIL blocks the run."""

    code: str
    name: str
    status: CheckStatus
    message: str
    remediation: str = ""

    @property
    def blocks(self) -> bool:
        return self.status is CheckStatus.FAIL


@dataclass(frozen=True)
class Decision(_Data):
    """A question the plan cannot answer. `choices` are the exact options that answer it."""

    kind: Literal["table", "column", "value"]
    subject: str  # "agents", "tasks.colour", "tasks.status:not-started"
    rows: int
    bytes: int
    description: str  # never holds data, except the enum word that a value decision is about
    choices: tuple[str, ...]


@dataclass(frozen=True)
class EndpointFacts(_Data):
    """What was measured on one end. `display` is the address without secrets."""

    label: str
    display: str
    tier: str
    version: str
    system_id: str
    database: str
    size_bytes: int
    encoding: str
    collation: str
    pgvector: str = ""  # installed version, "" when it isn't
    snapshot: str = ""  # pg_current_snapshot(): while it stays, no transaction that wrote has ended here


@dataclass(frozen=True)
class Totals(_Data):
    tables: int = 0
    rows: int = 0
    bytes: int = 0
    skipped_tables: int = 0
    chunks: int = 0
    largest_value_bytes: int = 0


@dataclass(frozen=True)
class Plan(_Data):
    """What a run will do. Two plans with the same `hash` do the same, whatever their sizes were when measured."""

    source: EndpointFacts
    target: EndpointFacts
    tables: tuple[TablePlan, ...]
    checks: tuple[CheckResult, ...]
    open_decisions: tuple[Decision, ...]
    decisions: Decisions
    totals: Totals
    estimate: dict[str, float]  # phase → seconds
    made_at: str  # ISO 8601, UTC
    target_state: Literal["empty", "unfinished", "finished", "foreign"] = "empty"
    engine_version: str = ENGINE_VERSION
    measured_by: int | None = None  # the rehearsal whose measured times `estimate` holds

    @property
    def hash(self) -> str:
        return hashlib.sha256(canonical_json(self._identity()).encode()).hexdigest()

    def _identity(self) -> dict[str, Any]:
        """What a confirmation binds to: structure and decisions; no sizes, no times, no states of the moment."""
        volatile: dict[str, Any] = {"rows": 0, "bytes": 0, "chunks": 0, "largest_value_bytes": 0, "notes": ()}
        return {
            "engine": self.engine_version,
            "source": [self.source.system_id, self.source.database],
            "target": [self.target.system_id, self.target.database],
            "tables": [replace(table, **volatile).as_dict() for table in self.tables],
            "decisions": self.decisions.as_dict(),
        }

    @property
    def blocking_checks(self) -> tuple[CheckResult, ...]:
        return tuple(check for check in self.checks if check.blocks)

    @property
    def is_ready(self) -> bool:
        return not self.blocking_checks and not self.open_decisions

    @property
    def copied_tables(self) -> tuple[TablePlan, ...]:
        return tuple(table for table in self.tables if table.action.copies)

    @property
    def estimate_s(self) -> float:
        return sum(self.estimate.values())

    def as_dict(self) -> dict[str, Any]:
        return super().as_dict() | {"hash": self.hash, "estimate_s": self.estimate_s, "is_ready": self.is_ready}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        return super().from_dict({key: value for key, value in data.items() if key not in _COMPUTED})


_COMPUTED = ("hash", "estimate_s", "is_ready")


@dataclass(frozen=True)
class RunOptions:
    copiers: int = 2
    chunk_rows: int = 50_000
    index_jobs: int = 2
    verify_mode: VerifyMode = "typed"
    analyze: bool = True
    vector_indexes: bool = True  # HNSW, which takes most of the time where embeddings are many
    lock_timeout_s: float = 10.0
    holder: str = ""  # "host:pid", goes into application_name; "" means this process
    job_number: int | None = None
    throttle: Throttle | None = None  # the caller keeps it, and may change its limit while the run goes on
    locks_source: bool = True  # a rehearsal reads one snapshot beside a gateway that goes on writing
    lease_expired: bool = False  # the caller knows the former worker is gone: end its sessions on the target


class ControlSignal(Exception):  # noqa: N818  # not an error: the way out of a run that was asked to stop
    """Raised by `Control.check()`. The engine closes its connections at once and lets it through; nothing is lost."""


class Paused(ControlSignal):
    pass


class Cancelled(ControlSignal):
    pass


class LeaseLost(ControlSignal):
    pass


class Control(Protocol):
    def check(self) -> None:
        """Raise a `ControlSignal` to stop, or block while throttled. Several threads call it, each once a second."""


@dataclass(frozen=True)
class TableProgress(_Data):
    name: str
    state: TableState
    rows_done: int = 0
    rows_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    chunks_done: int = 0
    chunks_total: int = 0


@dataclass(frozen=True)
class Progress(_Data):
    """A snapshot of a run. `rate` is bytes per second over the last seconds; `eta_s` None until it is known."""

    phase: Phase
    phase_started_at: str
    phases: dict[str, float] = field(default_factory=dict)  # seconds each phase took so far
    tables: tuple[TableProgress, ...] = ()
    rows_done: int = 0
    rows_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    index_done: int = 0
    index_total: int = 0
    rate: float = 0.0
    eta_s: float | None = None


@dataclass(frozen=True)
class Event(_Data):
    level: Literal["info", "warning", "error"]
    message: str
    at: str


class Sink(Protocol):
    def progress(self, progress: Progress) -> None: ...

    def event(self, event: Event) -> None: ...


@dataclass(frozen=True)
class TableVerification(_Data):
    """`method` says how both sums were made; `differing_keys` is bounded, `differences` is the count found."""

    name: str
    method: str
    source_rows: int
    target_rows: int
    source_sum: str
    target_sum: str
    is_equal: bool
    differing_keys: tuple[str, ...] = ()
    key_sample: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True)
class Verification(_Data):
    mode: VerifyMode
    tables: tuple[TableVerification, ...]
    catalog_differences: tuple[str, ...] = ()
    sequence_differences: tuple[str, ...] = ()
    rejects: int = 0

    @property
    def is_equal(self) -> bool:
        tables_equal = all(table.is_equal for table in self.tables)
        return tables_equal and not self.catalog_differences and not self.sequence_differences


@dataclass(frozen=True)
class Outcome(_Data):
    """`changed` is False when a finished run was only verified again."""

    state: OutcomeState
    verification: Verification
    certificate: dict[str, Any]
    durations: dict[str, float]  # phase → seconds
    changed: bool = True
    rejects: int = 0


PrepareSchema = Callable[[Endpoint], None]


class Engine(Protocol):
    """The three functions of `migration.engine`; the fake in tests implements the same."""

    def make_plan(self, source: Endpoint, target: Endpoint, decisions: Decisions) -> Plan: ...

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
    ) -> Outcome: ...

    def verify(self, plan: Plan, source: Endpoint, target: Endpoint, *, mode: VerifyMode = "typed") -> Verification: ...
