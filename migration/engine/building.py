"""Building what the copy left out: keys and indexes as soon as a table's rows are there, foreign keys last."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from migration.engine import ddl, orphans
from migration.engine import ledger_rows as ledger
from migration.engine.catalog import Connection, quote, read_objects
from migration.engine.connections import execute_one
from migration.engine.lanes import Ends, Lane, LaneGroup, Watch, run_lanes
from migration.engine.ledger_rows import Claim, DdlRow
from migration.engine.model import Plan, RunOptions
from migration.errors import DatabaseRefusedError

_WITH_EXPRESSIONS = """
    SELECT DISTINCT c.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
     WHERE i.indexprs IS NOT NULL AND c.relnamespace = 'public'::regnamespace"""
_NOT_TIDY = """
    SELECT relname FROM pg_catalog.pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relallvisible < relpages"""
_LEFT_ALONE = """
    SELECT relname FROM pg_catalog.pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND reloptions @> '{autovacuum_enabled=off}'"""
_HARDLY_TIDY = """
    SELECT relname FROM pg_catalog.pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relallvisible * 2 < relpages"""
GRAPH_MEMORY = "256MB"
TIDY_BYTES = 256 << 20
RETRIES = 5  # two statements on one table can deadlock


@dataclass
class Builder:
    """Builds indexes and unique keys in lanes of its own, beside the copy of tables that are not full yet.

    Each object commits on its own, with its line in the ledger. A table that the target's memory does not hold gets its
    indexes when all is copied: its pages have to be read again anyway, and rows that come while an index is being built
    are not marked as visible by VACUUM, for the build may not see them; it would have to come again.
    """

    plan: Plan
    ends: Ends
    watch: Watch
    claim: Claim
    options: RunOptions
    large: frozenset[str]  # what the target's memory does not hold
    lanes: LaneGroup[DdlRow] = field(init=False)
    _analyzed: set[str] = field(default_factory=set)
    _late: list[DdlRow] = field(default_factory=list)  # to build when all is copied
    _counting: threading.Lock = field(default_factory=threading.Lock)  # guards what follows
    _building: int = 0
    _filled: Counter[str] = field(default_factory=Counter)  # bytes that came, by table
    _untidy: Counter[str] = field(default_factory=Counter)  # those of them that came after the last VACUUM
    _in_vain: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.lanes = LaneGroup(self.ends, self._build_one, lanes=self.options.index_jobs, use=("target",))

    def count(self, connection: Connection) -> None:
        """Tell the progress where it stands; nothing may be building."""
        self.watch.tracker.set_indexes(*self._states(connection))

    def leave_alone(self, connection: Connection, tables: Iterable[str]) -> None:
        """Keep autovacuum off tables that are about to be filled; `finish` and a discard let it come back.

        It would wake up in the middle, read what is vacuumed here anyway, and hold up an index for a second or two.
        """
        with self.claim.transaction(connection):
            for name in sorted(tables):
                connection.execute(
                    f"ALTER TABLE public.{quote(name)} SET (autovacuum_enabled = off, toast.autovacuum_enabled = off)"
                )

    def keep_tidy(self, connection: Connection, table: str, size: int) -> None:
        """Vacuum a large table now and then while it is being filled; `size` bytes more have come.

        Once a checkpoint has passed a page, marking it writes all of it into the WAL: it is better marked before. Where
        a transaction of somebody else's keeps rows from being marked, each VACUUM would read all of them again.
        """
        if table not in self.large:
            return
        with self._counting:
            self._filled[table] += size
            self._untidy[table] += size
            is_due = self._untidy[table] >= max(TIDY_BYTES, self._filled[table] // 8)
            if not is_due or self._building or table in self._in_vain:
                return
            self._untidy[table] = 0
        self._vacuum(connection, table, analyze=False)
        if table in _names(connection, _HARDLY_TIDY):
            self._in_vain.add(table)

    def begin(self, connection: Connection, table: str) -> None:
        """Tidy a table that was just filled and give it its unique keys, then let it get what else it lacks.

        What comes after saves more than tidying costs: an index finds rows that are known to be visible in pages that
        are at hand, and a foreign key is compared in indexes alone. A unique key locks out every other build on its
        table, so it is built here, before any of them waits for it.
        """
        self._vacuum(connection, table, analyze=self.options.analyze)
        self._analyzed.add(table)
        for row in self._missing(connection):
            if row.table_name == table and row.kind == "unique":
                self._build_one(Lane(target=connection), row)
        self.build(connection, table)

    def build(self, connection: Connection, table: str) -> None:
        """Let a table that holds all its rows get what it lacks; `connection` is any of the target's."""
        if table == "insights" and self.options.vector_indexes:
            ddl.add_vector_indexes(connection, self.claim, self.watch)
            self.watch.tracker.set_index_total(self._states(connection)[1])
        missing = [row for row in self._missing(connection) if row.table_name == table and row.kind != "foreign_key"]
        missing.sort(key=lambda row: "USING hnsw" not in row.definition)  # the slowest first, beside all the others
        for row in missing:
            if table in self.large and "USING hnsw" not in row.definition:
                self._late.append(row)
            else:
                self.lanes.add(row)

    def finish(self, connection: Connection) -> None:
        """Wait for all of it, then let the foreign keys stand; rows that one of them refuses are rejected first."""
        sizes = {table.name: table.bytes for table in self.plan.copied_tables}
        for row in sorted(self._late, key=lambda row: -sizes[row.table_name]):
            self.lanes.add(row)
        self.lanes.wait(self.watch)
        self._vacuum_all(connection)
        if self._build_foreign_keys(connection, may_fail=True):
            keys = [r for r in ledger.read_ddl(connection, self.claim.run_id) if r.kind == "foreign_key"]
            ddl.drop_all(connection, self.claim, keys)
            orphans.reject_orphans(connection, self.claim, self.plan, self.watch)
            self.count(connection)
            self._build_foreign_keys(connection, may_fail=False)
        alone = _names(connection, _LEFT_ALONE)
        with self.claim.transaction(connection):
            for table in self.plan.copied_tables:
                if table.name in alone:
                    let_autovacuum(connection, table.name)

    def _vacuum_all(self, connection: Connection) -> None:
        """Vacuum what `begin` could not: pages with rows that another lane's transaction might not have seen yet."""
        unknown: set[str] = set()
        if self.options.analyze:
            known = self._analyzed - _names(connection, _WITH_EXPRESSIONS)  # an index on one has statistics too
            unknown = {table.name for table in self.plan.copied_tables} - known
        wanted = _names(connection, _NOT_TIDY) | unknown

        def work(lane: Lane, table: str) -> None:
            assert lane.target is not None
            self._vacuum(lane.target, table, analyze=table in unknown)

        largest_first = sorted(self.plan.copied_tables, key=lambda table: -table.bytes)
        tables = [table.name for table in largest_first if table.name in wanted]
        run_lanes(self.ends, self.watch, tables, work, lanes=self.options.index_jobs, use=("target",))

    def _vacuum(self, connection: Connection, table: str, *, analyze: bool) -> None:
        """Give a table its visibility map, and the planner its statistics, which autovacuum would only do later.

        Nothing was deleted, so no index needs a look; and the pages may stay in memory for those that are built next.
        """
        options = f"PARALLEL 0, INDEX_CLEANUP OFF, TRUNCATE OFF, BUFFER_USAGE_LIMIT 0, ANALYZE {analyze}"
        connection.execute(f"VACUUM ({options}) public.{quote(table)}")

    def _states(self, connection: Connection) -> tuple[int, int]:
        """How many were built, and how many there are to build in all."""
        states = [row.state for row in ledger.read_ddl(connection, self.claim.run_id)]
        return states.count("rebuilt"), len(states) - states.count("present")

    def _missing(self, connection: Connection) -> list[DdlRow]:
        return [row for row in ledger.read_ddl(connection, self.claim.run_id) if row.state == "dropped"]

    def _build_one(self, lane: Lane, row: DdlRow) -> None:
        assert lane.target is not None
        with self._counted(), _refusals(row):
            _build(lane.target, self.claim, row)
        self.watch.tracker.finish_index()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._counting:
            self._building += 1
        try:
            yield
        finally:
            with self._counting:
                self._building -= 1

    def _build_foreign_keys(self, connection: Connection, *, may_fail: bool) -> list[DdlRow]:
        """Return the keys that rows break, when these may fail; all of them are dropped again then."""
        broken: list[DdlRow] = []
        missing = [row for row in self._missing(connection) if row.kind == "foreign_key"]
        sizes = {table.name: table.bytes for table in self.plan.copied_tables}

        def validate(lane: Lane, group: list[DdlRow]) -> None:
            assert lane.target is not None
            for row in group:
                try:
                    with _refusals(row):
                        _build(lane.target, self.claim, row)
                except psycopg.errors.ForeignKeyViolation:
                    if not may_fail:
                        raise
                    broken.append(row)
                self.watch.tracker.finish_index()

        groups = [[row for row in missing if row.table_name == name] for name in {row.table_name for row in missing}]
        groups.sort(key=lambda group: -sizes.get(group[0].table_name, 0) * len(group))
        _announce(connection, self.claim, missing)
        run_lanes(self.ends, self.watch, groups, validate, lanes=self.options.index_jobs, use=("target",))
        return broken


def large_tables(target: Connection, plan: Plan) -> frozenset[str]:
    """Name the tables of a plan that the target's memory does not hold."""
    (memory,) = target.execute("SELECT pg_size_bytes(current_setting('shared_buffers'))").fetchone() or (0,)
    return frozenset(table.name for table in plan.copied_tables if table.bytes > memory)


def let_autovacuum(connection: Connection, table: str) -> None:
    """Let autovacuum have a table again that `Builder.leave_alone` kept it off."""
    connection.execute(f"ALTER TABLE public.{quote(table)} RESET (autovacuum_enabled, toast.autovacuum_enabled)")


def _names(connection: Connection, query: str) -> set[str]:
    return {name for (name,) in connection.execute(query)}


@contextmanager
def building(builder: Builder) -> Iterator[Builder]:
    """End the builder's lanes with the block, whatever ends it."""
    try:
        yield builder
    except BaseException:
        builder.lanes.end()
        raise


@contextmanager
def _refusals(row: DdlRow) -> Iterator[None]:
    """Say which object the server does not build, and the way out."""
    try:
        yield
    except psycopg.errors.UniqueViolation:
        raise DatabaseRefusedError(
            f"The unique key {row.name} of {row.table_name} cannot be built: the source holds rows that a unique "
            "key of its own should have refused.",
            remediation=f"In the source: REINDEX TABLE {row.table_name} names the key and the duplicates; remove "
            "them, then press Resume or run the same command with --resume.",
            sqlstate="23505",
        ) from None
    except (psycopg.ProgrammingError, psycopg.NotSupportedError) as exc:
        raise DatabaseRefusedError(
            f"The target cannot build {row.kind.replace('_', ' ')} {row.name} of {row.table_name} as the source "
            f"has it (SQLSTATE {exc.sqlstate}).",
            remediation="Discard this run, take the index or rule away in the source or leave its table behind, "
            "then plan again.",
            sqlstate=exc.sqlstate or "",
        ) from None


def _announce(connection: Connection, claim: Claim, keys: list[DdlRow]) -> None:
    """Let foreign keys stand without a look at the rows, which then needs locks that are in nobody's way.

    Adding a key locks both of its tables against any other key; validating one locks its own table only.
    """
    with claim.transaction(connection):
        for row in keys:
            with _refusals(row):
                connection.execute(orphans.drop_statement(row))  # a crash may have left it
                if not _stays_unchecked(row):
                    execute_one(connection, f"{orphans.create_statement(row)} NOT VALID")


def _stays_unchecked(row: DdlRow) -> bool:
    return row.definition.endswith("NOT VALID")


def _build(connection: Connection, claim: Claim, row: DdlRow) -> None:
    for attempt in range(RETRIES):
        try:
            with claim.transaction(connection):
                if "USING hnsw" in row.definition:  # a graph is built in memory, or slowly
                    connection.execute(f"SET LOCAL maintenance_work_mem = '{GRAPH_MEMORY}'")
                else:  # other lanes keep the processors busy; helpers for each of them would only cost more
                    connection.execute("SET LOCAL max_parallel_maintenance_workers = 0")
                execute_one(connection, _statement(row))
                _note_rebuilt(connection, claim, row)
            return
        except psycopg.errors.DeadlockDetected:
            if attempt == RETRIES - 1:
                raise
            time.sleep(0.1 * 2**attempt)


def _statement(row: DdlRow) -> str:
    if row.kind == "foreign_key" and not _stays_unchecked(row):
        return f"ALTER TABLE public.{quote(row.table_name)} VALIDATE CONSTRAINT {quote(row.name)}"
    return orphans.create_statement(row)


def _note_rebuilt(connection: Connection, claim: Claim, row: DdlRow) -> None:
    """From here on the definition is the server's own wording: what a later comparison will read."""
    found = [o for o in read_objects(connection, [row.table_name]) if (o.kind, o.name) == (row.kind, row.name)]
    connection.execute(
        """UPDATE mosaic_migration.ddl SET state = 'rebuilt', definition = %s
            WHERE run_id = %s AND table_name = %s AND kind = %s AND name = %s""",
        (found[0].definition, claim.run_id, row.table_name, row.kind, row.name),
    )
