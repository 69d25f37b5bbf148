"""Undo an unfinished run: the target loses what the run wrote, and nothing else; then it is empty for another one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from migration.engine import canonical, orphans
from migration.engine import ledger_rows as ledger
from migration.engine.building import let_autovacuum
from migration.engine.catalog import Connection, quote, read_tables
from migration.engine.connections import driver_errors, open_target, storage_url
from migration.engine.ledger_rows import Claim
from migration.engine.model import Action, Endpoint, Plan, TablePlan
from migration.engine.names import target_column
from migration.errors import NotDiscardableError
from store.ledger import RunRow, StoreLock, claim_epoch, holder_name, read_run

LOCK_WAIT_S = 10.0
# The plan's own statements name what they create as quote_ident writes it.
_MADE = re.compile(r'CREATE (?P<kind>TYPE|DOMAIN|SEQUENCE) (?P<name>(?:(?:"(?:[^"]|"")+"|[^\s".]+)\.?)+)')


@dataclass(frozen=True)
class Discarded:
    """What a discard took out of the target: rows per table; `dropped` are the tables that the run had created."""

    run_id: UUID
    rows: dict[str, int] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()


def discard(target: Endpoint, *, run_id: UUID | None = None, lock_wait_s: float = LOCK_WAIT_S) -> Discarded:
    """Take an unfinished run out of its target and cancel it; what it did not write stays.

    All of it is one transaction under the store's lock, and the worker before is fenced off first. `run_id` refuses
    any other run.

    Raises: NotDiscardableError (no run, another run, a verified one, one that somebody wrote into), StoreBusyError.
    """
    name = holder_name("mig")
    with driver_errors():
        lock = StoreLock(storage_url(target), "exclusive", name)
        lock.acquire(lock_wait_s)
        try:
            connection = open_target(target, name)
            try:
                return _discard(connection, _discardable(connection, run_id), name)
            finally:
                connection.close()
        finally:
            lock.release()


def _discardable(connection: Connection, run_id: UUID | None) -> RunRow:
    run = read_run(connection)
    if run is None:
        raise NotDiscardableError(
            "The target holds no run that could be discarded.",
            remediation="Nothing to do; `mosaic storage status` lists the runs of this dashboard.",
        )
    if run_id is not None and run.run_id != run_id:
        raise NotDiscardableError(
            f"The target holds another run than the one to discard (state {run.state}).",
            remediation="Look at the target's own run first; a newer attempt may have taken it over.",
            run_id=str(run.run_id),
        )
    if run.state == "verified" or run.first_write_at is not None:
        what = "a gateway has written to it" if run.first_write_at else "it is verified"
        raise NotDiscardableError(
            f"The target's run cannot be discarded: {what}.",
            remediation="Only an unfinished run can be discarded. To get rid of a finished store, drop its database "
            "yourself once you are sure.",
            run_id=str(run.run_id),
        )
    return run


def _discard(connection: Connection, run: RunRow, name: str) -> Discarded:
    plan = Plan.from_dict(run.plan)
    claim = Claim(run.run_id, claim_epoch(connection, run.run_id, holder=name))
    with claim.transaction(connection):
        made = ledger.read_chunks(connection, run.run_id)  # written with the tables: none means that none was created
        counted = _refuse_foreign_rows(connection, run, plan) if made else {}
        carried = [t for t in plan.copied_tables if t.action is Action.CARRY] if made else []
        if made:
            _remove(connection, run, plan, [name for name in counted if name in canonical.TABLES], carried)
        connection.execute(
            "UPDATE mosaic_migration.run SET state = 'cancelled', updated_at = now() WHERE run_id = %s", (run.run_id,)
        )
    return Discarded(run.run_id, counted, tuple(table.name for table in carried))


def _refuse_foreign_rows(connection: Connection, run: RunRow, plan: Plan) -> dict[str, int]:
    """Count the rows and compare with the ledger: a table that holds more than the run wrote is somebody's."""
    tables = [t for t in read_tables(connection) if t.schema == "public" and t.name != "django_migrations"]
    if tables:  # nobody may add a row between this count and the end
        connection.execute(f"LOCK TABLE {', '.join(table.sql for table in tables)} IN ACCESS EXCLUSIVE MODE")
    written = {table.name: 0 for table in plan.copied_tables}
    for chunk in ledger.read_chunks(connection, run.run_id):
        written[chunk.table_name] += chunk.rows if chunk.state == "copied" else 0
    for name, rows in ledger.count_orphaned(connection, run.run_id).items():
        written[name] -= rows  # taken out again after their chunk was counted
    counted = {}
    for table in tables:
        row = connection.execute(f"SELECT count(*) FROM {table.sql}").fetchone()
        counted[table.name] = int(row[0]) if row else 0
    foreign = [f"{name} ({rows} rows, {written.get(name, 0)} of the run)" for name, rows in counted.items()
               if (name in written or name in canonical.TABLES) and rows > written.get(name, 0)]  # fmt: skip
    if foreign:
        raise NotDiscardableError(
            f"Somebody else wrote into the target: {', '.join(foreign[:5])}.",
            remediation="Find out whose rows these are and take them away yourself, then discard again; or leave this "
            "database alone and migrate into an empty one.",
            run_id=str(run.run_id),
        )
    return {name: rows for name, rows in counted.items() if name in written or name in canonical.TABLES}


def _remove(connection: Connection, run: RunRow, plan: Plan, store: list[str], carried: list[TablePlan]) -> None:
    rows = ledger.read_ddl(connection, run.run_id)
    own = {table.name for table in carried}
    for row in rows:
        if row.kind == "foreign_key" or (row.table_name not in own and row.name.startswith("insights_embedding_hnsw_")):
            connection.execute(orphans.drop_statement(row))
    try:
        if store:  # every row of these is the run's: that was counted just now
            connection.execute(f"TRUNCATE {', '.join(f'public.{quote(name)}' for name in store)}")
        if carried:
            connection.execute(f"DROP TABLE {', '.join(f'public.{quote(table.name)}' for table in carried)}")
        for table in (table for table in plan.copied_tables if table.action is Action.MIGRATE):
            _drop_columns(connection, table)
            let_autovacuum(connection, table.name)
        for statement in reversed(list(dict.fromkeys(s for table in plan.copied_tables for s in table.ddl))):
            _drop_made(connection, statement)
    except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.FeatureNotSupported):  # a foreign key of theirs
        raise NotDiscardableError(
            "Something that the run did not make uses one of its tables or types.",
            remediation="Drop the view, key or function that somebody made in the target, then discard again.",
            run_id=str(run.run_id),
        ) from None
    _restore(connection, [r for r in rows if r.table_name not in own and r.kind in ("index", "unique", "foreign_key")])


def _drop_columns(connection: Connection, table: TablePlan) -> None:
    for column in table.columns:
        if target_column(table.name, column.source) is None and column.target != "origin_id":
            connection.execute(f"ALTER TABLE public.{quote(table.name)} DROP COLUMN IF EXISTS {quote(column.target)}")


def _drop_made(connection: Connection, statement: str) -> None:
    """Undo what created a type, a domain or a sequence: `CREATE DOMAIN short AS …` → `DROP DOMAIN short`."""
    if made := _MADE.match(statement):
        connection.execute(f"DROP {made['kind']} IF EXISTS {made['name']}")


def _restore(connection: Connection, rows: list[ledger.DdlRow]) -> None:
    """Build the store's own indexes and keys again: the schema is then what it was before the run."""
    for row in rows:
        is_there = row.kind != "foreign_key" and row.state != "dropped"
        if not is_there and not row.name.startswith("insights_embedding_hnsw_"):
            connection.execute(orphans.create_statement(row))
