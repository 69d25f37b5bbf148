"""Verification: both ends hash every row by themselves, and only sums and a few keys cross the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from migration.engine import ddl
from migration.engine.casts import comparable
from migration.engine.catalog import Connection, literal, quote
from migration.engine.connections import Sessions, driver_errors
from migration.engine.lanes import Ends, Lane, Watch, run_lanes
from migration.engine.ledger_rows import read_rejects, read_sequences
from migration.engine.model import Endpoint, Plan, TablePlan, TableVerification, Verification, VerifyMode
from migration.engine.pglite import readable
from migration.engine.progress import Tracker
from migration.engine.ranges import not_rejected, ordering, shown_key, source_rows
from store.ledger import holder_name, read_run

SEEDS = (0x4D4F5341, 0x49434C41)  # two 64-bit hashes make one of 128: fixed, so that another machine gets the same sums
APPLICATION = "mosaic verify"
BUCKETS = 256
SEARCH_NOTHING = "SET LOCAL search_path = ''"  # sums are the catalog's functions, whatever stands in `public`
LARGE_BYTES = 1 << 30  # from here on a server reads a table faster with helpers, where it has processors for them
MAX_DIFFERENCES = 20
MAX_BUCKETS_READ = 4  # of a table that differs everywhere, a few are enough to show keys
METHODS = {
    "typed": "count and two sums of hash_record_extended over all rows, independent of order (type equality)",
    "exact": "count and two sums over SHA-256 of each row's text under pinned settings",
}


@dataclass(frozen=True)
class Sums:
    rows: int
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first}:{self.second}"


@dataclass(frozen=True)
class Side:
    """How one end shows a table: its FROM clause, the row, what rows are sorted into buckets by, and a row's name."""

    rows: str
    row: str
    key: str
    shown: str = ""
    is_large: bool = False

    def sums(self, mode: VerifyMode) -> str:
        rows, first, second = self._hashed(mode)
        # the server would make each row twice, once for either sum; where its helpers save more, it may
        fence = "" if self.is_large else " OFFSET 0"
        return f"""SELECT count(*), coalesce(sum({first}), 0)::text, coalesce(sum({second}), 0)::text
                     FROM ({rows}{fence}) s"""

    def bucket_sums(self, mode: VerifyMode) -> str:
        rows, first, second = self._hashed(mode, f"{self.bucket} AS bucket")
        return f"SELECT bucket, count(*), sum({first})::text, sum({second})::text FROM ({rows}) s GROUP BY 1"

    def bucket_rows(self, mode: VerifyMode, bucket: int) -> str:
        rows, first, second = self._hashed(mode, f"{self.shown} AS shown")
        return f"SELECT shown, {first}::text || ':' || {second} FROM ({rows} AND {self.bucket} = {bucket}) s"

    def _hashed(self, mode: VerifyMode, *more: str) -> tuple[str, str, str]:
        """Return the query of the rows as `hashed`, and the two hashes of one."""
        if mode == "typed":
            hashed = self.row
            hashes = (f"hash_record_extended(hashed, {seed})" for seed in SEEDS)
        else:
            hashed = f"encode(sha256(convert_to(({self.row})::text, 'UTF8')), 'hex')"
            hashes = (f"('x' || substr(hashed, {start}, 16))::bit(64)::bigint" for start in (1, 17))
        first, second = hashes
        return f"SELECT {', '.join((f'{hashed} AS hashed', *more))} FROM {self.rows}", first, second

    @property
    def bucket(self) -> str:
        return f"(hashtextextended(({self.key})::text, 0) & {BUCKETS - 1})"


def sides(table: TablePlan, rejected: list[str]) -> tuple[Side, Side]:
    """Return how source and target show a table; rows that were rejected don't count on the source."""
    pairs = [comparable(column) for column in (*table.columns, *table.computed)]
    here, there = (f"ROW({', '.join(pair[end] for pair in pairs)})" for end in (0, 1))
    keys = [comparable(c) for c in table.columns if c.source in table.key and c.target != "origin_id"] or pairs
    key_here, key_there = (f"ROW({', '.join(pair[end] for pair in keys)})" for end in (0, 1))
    rows = f"{source_rows(table)} WHERE true"
    shown_here, shown_there = shown_key(table)
    if rejected:
        rows += f" AND {not_rejected(table, rejected)}"
    target_rows = f"public.{quote(table.name)} WHERE true"
    is_large = table.bytes >= LARGE_BYTES
    return (
        Side(rows, here, key_here, shown_here, is_large),
        Side(target_rows, there, key_there, shown_there, is_large),
    )


@dataclass
class Verifier:
    """One verification of a plan's tables; `snapshot` pins the source to what was copied."""

    plan: Plan
    ends: Ends
    watch: Watch
    mode: VerifyMode
    snapshot: str | None
    rejects: Mapping[str, list[str]] = field(default_factory=dict)
    sums: dict[tuple[str, int], Sums] = field(default_factory=dict)

    def run(self) -> tuple[TableVerification, ...]:
        tables = self.plan.copied_tables
        largest_first = sorted(tables, key=lambda table: -table.bytes)
        tasks = [(table, end) for table in largest_first for end in (0, 1)]
        run_lanes(self.ends, self.watch, tasks, self._sum, lanes=2)
        with (
            self.ends.sessions.source(self.ends.source, self.ends.name) as source,
            self.ends.sessions.target(self.ends.target, self.ends.name) as target,
        ):
            self._pin(source)
            target.execute(SEARCH_NOTHING.replace("LOCAL ", ""))
            return tuple(self._judge(source, target, table) for table in tables)

    def unequal(self, *, skip: set[str]) -> list[TablePlan]:
        """Return the tables whose ends differ, but for those to skip."""
        tables = [table for table in self.plan.copied_tables if table.name not in skip]
        tasks = [(table, end) for table in tables for end in (0, 1)]
        run_lanes(self.ends, self.watch, tasks, self._sum, lanes=2)
        return [table for table in tables if self.sums[table.name, 0] != self.sums[table.name, 1]]

    def _sum(self, lane: Lane, task: tuple[TablePlan, int]) -> None:
        table, end = task
        connection = lane.source if end == 0 else lane.target
        assert connection is not None
        with connection.transaction():
            if end == 0:
                self._use_snapshot(connection)
            connection.execute(SEARCH_NOTHING)
            query = sides(table, self.rejects.get(table.name, []))[end].sums(self.mode)
            row = connection.execute(query).fetchone()
        assert row is not None
        self.sums[table.name, end] = Sums(int(row[0]), str(row[1]), str(row[2]))
        if self.sums.get((table.name, 0)) == self.sums.get((table.name, 1)):
            self.watch.tracker.set_verified(table.name)

    def _use_snapshot(self, connection: Connection) -> None:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if self.snapshot is not None:
            connection.execute(f"SET TRANSACTION SNAPSHOT {literal(self.snapshot)}")

    def _pin(self, source: Connection) -> None:
        source.execute("BEGIN")
        self._use_snapshot(source)

    def _judge(self, source: Connection, target: Connection, table: TablePlan) -> TableVerification:
        ours, theirs = self.sums[table.name, 0], self.sums[table.name, 1]
        sample = self._sample(source, table)
        keys = () if ours == theirs else self._differing(source, target, table)
        return TableVerification(
            name=table.name,
            method=METHODS[self.mode],
            source_rows=ours.rows,
            target_rows=theirs.rows,
            source_sum=str(ours),
            target_sum=str(theirs),
            is_equal=ours == theirs,
            differing_keys=keys,
            key_sample=sample,
            message="" if ours == theirs else f"{table.name}: rows differ, for example those in differing_keys",
        )

    def _sample(self, source: Connection, table: TablePlan) -> tuple[str, ...]:
        """Three keys, so that a certificate can be checked by eye."""
        if not table.key:
            return ()
        side = sides(table, [])[0]
        query = (
            f'SELECT {side.shown} AS "name of the row" FROM {side.rows} ORDER BY {", ".join(ordering(table))} LIMIT 3'
        )
        return tuple(str(row[0]) for row in source.execute(query).fetchall())

    def _differing(self, source: Connection, target: Connection, table: TablePlan) -> tuple[str, ...]:
        """Find differing rows: sums per bucket of keys first, then single rows of the buckets that differ."""
        pair = sides(table, self.rejects.get(table.name, []))
        here, there = (
            {row[0]: row[1:] for row in connection.execute(side.bucket_sums(self.mode)).fetchall()}
            for connection, side in zip((source, target), pair, strict=True)
        )
        unequal = sorted(b for b in here.keys() | there.keys() if here.get(b) != there.get(b))
        found: list[str] = []
        for bucket in unequal[:MAX_BUCKETS_READ]:
            ours, theirs = (
                Counter(connection.execute(side.bucket_rows(self.mode, bucket)).fetchall())
                for connection, side in zip((source, target), pair, strict=True)
            )
            # counted: a row that one end has twice differs as well
            found += sorted({str(row[0]) for row in (ours - theirs) + (theirs - ours)})
        return tuple(found[:MAX_DIFFERENCES])


class _Nobody:
    """Control and sink of a verification that nobody follows."""

    def check(self) -> None:
        return None

    def progress(self, progress: object) -> None:
        return None

    def event(self, event: object) -> None:
        return None


def verify(plan: Plan, source: Endpoint, target: Endpoint, *, mode: VerifyMode = "typed") -> Verification:
    """Compare both ends as they are now, by the plan's columns and casts. Writes nothing."""
    nobody = _Nobody()
    sessions = Sessions()
    watch = Watch(nobody, Tracker(plan, nobody))
    with (
        driver_errors(),
        readable(source, holder_name("mig")) as reachable,
        sessions.source(reachable, APPLICATION) as here,
        sessions.target(target, APPLICATION) as there,
    ):
        ends = Ends(reachable, target, APPLICATION, sessions)
        run = read_run(there)
        rejects = read_rejects(there, run.run_id) if run else {}
        tables = Verifier(plan, ends, watch, mode, None, rejects).run()
        return assemble(here, there, plan, mode, tables, rejects, run.run_id if run else None)


def assemble(
    source: Connection,
    target: Connection,
    plan: Plan,
    mode: VerifyMode,
    tables: tuple[TableVerification, ...],
    rejects: Mapping[str, list[str]],
    run_id: UUID | None,
    *,
    is_pinned: bool = False,
) -> Verification:
    """Add what checksums don't cover: indexes, constraints and sequences.

    `is_pinned`: compare with the source as it was copied; a gateway that serves it meanwhile moves its sequences on.
    """
    saved = read_sequences(target, run_id) if is_pinned and run_id else {}
    return Verification(
        mode=mode,
        tables=tables,
        catalog_differences=ddl.catalog_differences(target, run_id, plan) if run_id else (),
        sequence_differences=ddl.sequence_differences(
            lambda there, here: saved.get(here) or ddl.read_sequence(source, there), target, plan
        ),
        rejects=sum(map(len, rejects.values())),
    )
