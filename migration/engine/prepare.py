"""Prepare: the target gets its ledger, its schema and its chunks; a run is claimed, fresh or unfinished."""

from __future__ import annotations

import time
from uuid import UUID

import psycopg

from migration.engine import ddl
from migration.engine import ledger_rows as ledger
from migration.engine.catalog import Connection, read_tables
from migration.engine.connections import execute_one, open_for_plan
from migration.engine.lanes import Ends, Watch
from migration.engine.ledger_rows import Claim
from migration.engine.model import Endpoint, Plan, PrepareSchema, RunOptions, TablePlan
from migration.engine.plan import filled_tables, is_same_work
from migration.engine.ranges import boundaries
from migration.errors import OtherRunError, SchemaMismatchError, TargetNotEmptyError
from store.ledger import RunRow, claim_epoch, create_ledger, read_run

PREFIX = "mosaic-mig "  # application_name of every session of a run
ENDING_TRIES = 50
_NAMES = """
    SELECT DISTINCT application_name FROM pg_catalog.pg_stat_activity
     WHERE datname = current_database() AND starts_with(application_name, %s) AND application_name <> %s"""
_END_SESSIONS = """
    SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_catalog.pg_backend_pid() AND application_name = ANY(%s)"""


def end_stale_sessions(source: Endpoint, target: Endpoint, keep: str) -> int:
    """End the sessions of a worker whose lease expired, so that its locks go; return how many there were.

    Its names are read from the target, its sessions there and its ledger, which are this run's alone: another run may
    hold the source right now. The target's sessions end last, so that a crash in between leaves the names to be found.
    """
    names = _names(target, keep)
    return sum(_end_sessions(end, names) for end in (source, target)) if names else 0


def _names(endpoint: Endpoint, keep: str) -> list[str]:
    connection = open_for_plan(endpoint, "mosaic resume")
    try:
        names = {name for (name,) in connection.execute(_NAMES, (PREFIX, keep)).fetchall()}
        run = read_run(connection)
        # a worker that froze may have lost its sessions here, with the server, and still hold the source's lock
        if run is not None and run.holder.startswith(PREFIX) and run.holder != keep:
            names.add(run.holder)
        return sorted(names)
    finally:
        connection.close()


def _end_sessions(endpoint: Endpoint, names: list[str]) -> int:
    ended = 0
    connection = open_for_plan(endpoint, "mosaic resume")
    try:
        for _ in range(ENDING_TRIES):
            row = connection.execute(_END_SESSIONS, (names,)).fetchone()
            left = int(row[0]) if row else 0
            ended = max(ended, left)
            if not left:
                break
            time.sleep(0.1)  # a backend ends at its next look at signals
    finally:
        connection.close()
    return ended


def find_run(connection: Connection, plan: Plan) -> RunRow | None:
    """Return the target's run when it is this plan's, None for an empty target.

    Raises: OtherRunError, TargetNotEmptyError.
    """
    run = read_run(connection)
    if run is None:
        _refuse_filled(connection)
        return None
    ours = (run.source_system, run.source_database) == (plan.source.system_id, plan.source.database)
    if not ours or not is_same_work(run, plan):
        what = "another plan of the same source" if ours else f"another source ({run.source_label})"
        raise OtherRunError(
            f"The target holds a run of {what}, in state {run.state}.",
            remediation="Resume that run with its own decisions, or choose an empty database as the target.",
            run_id=str(run.run_id),
        )
    return run


def _refuse_filled(connection: Connection) -> None:
    filled = filled_tables(connection)
    if filled:
        shown = ", ".join(f"{name} ({rows} rows)" for name, rows in filled[:5])
        raise TargetNotEmptyError(
            f"The target database already holds: {shown}.",
            remediation="Choose an empty database as the target; a migration never deletes what it did not write.",
        )


def prepare(
    connection: Connection,
    ends: Ends,
    watch: Watch,
    plan: Plan,
    run_id: UUID,
    options: RunOptions,
    prepare_schema: PrepareSchema,
) -> Claim:
    """Return the claim of a fresh run whose target is ready to be filled. Any crash leaves a run to resume."""
    with connection.transaction():
        create_ledger(connection)
        ledger.allow_columns(connection)
        ledger.insert_run(connection, run_id, plan, options, ends.name)
    claim = Claim(run_id, claim_epoch(connection, run_id, holder=ends.name))
    finish_prepare(connection, ends, watch, plan, claim, options, prepare_schema)
    return claim


def finish_prepare(
    connection: Connection,
    ends: Ends,
    watch: Watch,
    plan: Plan,
    claim: Claim,
    options: RunOptions,
    prepare_schema: PrepareSchema,
) -> None:
    """Do what `prepare` does after the claim; safe to repeat after a crash in its middle."""
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    watch.control.check()
    prepare_schema(ends.target)
    watch.control.check()
    with ends.sessions.source(ends.source, ends.name) as source, claim.transaction(connection):
        _create(connection, plan)
        check_schema(connection, plan)
        ledger.insert_tables(connection, claim.run_id, plan)
        ddl.record(connection, claim, plan)
        for table in plan.copied_tables:
            ledger.insert_chunks(connection, claim.run_id, boundaries(source, table, options.chunk_rows))
        # in the same transaction: a resume that found the tables and a run still in prepare would make them again
        ledger.set_phase(connection, claim, "copy", "copying")


def _create(connection: Connection, plan: Plan) -> None:
    """Run the plan's own DDL; a type or sequence that several tables use is created once."""
    made: set[str] = set()
    for table in plan.copied_tables:
        for statement in table.ddl:
            if statement not in made:
                made.add(statement)
                _create_for(connection, table, statement)


def _create_for(connection: Connection, table: TablePlan, statement: str) -> None:
    try:
        execute_one(connection, statement)
    except (psycopg.ProgrammingError, psycopg.NotSupportedError) as exc:
        raise SchemaMismatchError(
            f"The target cannot create {table.name} as the source has it (SQLSTATE {exc.sqlstate}).",
            remediation="Its server is probably older, and a default, a rule or a type of this table needs the newer "
            f"one. Discard this run, then leave the table behind (--skip-table {table.source_table}=REASON) or take "
            "that default or rule away in the source.",
            sqlstate=exc.sqlstate or "",
        ) from None


def check_schema(connection: Connection, plan: Plan) -> None:
    """Refuse a target whose columns are not those that the plan fills: a silent cast would go unverified."""
    found = {
        (table.name, column.name): column.type
        for table in read_tables(connection)
        if table.schema == "public"
        for column in table.columns
    }
    wrong = [
        f"{table.name}.{column.target}: {found.get((table.name, column.target), 'missing')}, not {column.target_type}"
        for table in plan.copied_tables
        for column in table.columns
        if found.get((table.name, column.target)) != column.target_type
    ]
    if wrong:
        raise SchemaMismatchError(
            f"The target's schema is not the planned one: {'; '.join(wrong[:5])}.",
            remediation="Plan and run with the same version of Mosaic Admin, into an empty database.",
        )
