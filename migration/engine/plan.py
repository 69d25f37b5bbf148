"""The dry run: everything a run will do, read in one read-only transaction per end. It writes nothing anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import ValidationError

from migration import codes
from migration.engine import canonical, checks, outline, prechecks
from migration.engine.carry import with_ddl
from migration.engine.catalog import Connection, SourceTable, quote, read_tables
from migration.engine.connections import Sessions, begin_reading, driver_errors
from migration.engine.facts import Situation, measure
from migration.engine.manifest import classify
from migration.engine.model import (
    Action,
    CheckResult,
    CheckStatus,
    Decision,
    Decisions,
    Endpoint,
    Plan,
    TablePlan,
    Totals,
)
from migration.engine.names import target_column, target_table
from migration.engine.pglite import readable, unseen_programs
from migration.engine.surekeys import sure_keys
from migration.engine.tables import (
    Findings,
    Mapped,
    Measured,
    carry_columns,
    check_types,
    chunk_column,
    migrate_columns,
    usable_key,
)
from store.ledger import RunRow, holder_name, lock_holders, read_run

CHUNK_ROWS = 50_000
# Measured on two cores over loopback (docs/decisions/0001); only the downtime estimate reads them.
COPY_BYTES_PER_S, INDEX_BYTES_PER_S, VERIFY_BYTES_PER_S = 60e6, 80e6, 150e6
APPLICATION = "mosaic plan"
# Checks that only a scan of the source can make.
_SCANNED = (
    codes.TYPE,
    codes.NAME_CLASH,
    codes.WOULD_REJECT,
    codes.LARGEST_VALUE,
    codes.NOT_CARRIED,
    codes.PRIVILEGE,
)
TargetState = Literal["empty", "unfinished", "finished", "foreign"]


def make_plan(
    source: Endpoint,
    target: Endpoint,
    decisions: Decisions,
    sessions: Sessions | None = None,
    *,
    known: Plan | None = None,
) -> Plan:
    """Return what a migration would do, with its checks and open questions. `sessions` can be ended meanwhile.

    With a plan that is `known`, a source in which nothing was written since is not scanned once more.

    Raises: DirectionError for a pair of ends that can never be, a ServiceError when an end cannot be reached.
    """
    checks.refuse_direction(source, target)
    opened = sessions or Sessions()
    with driver_errors(), readable(source, holder_name("mig")) as reachable:
        return _make_plan(reachable, target, decisions, opened, known)


def _make_plan(source: Endpoint, target: Endpoint, decisions: Decisions, opened: Sessions, known: Plan | None) -> Plan:
    with _snapshot(source, opened) as here, _snapshot(target, opened) as there:
        ends = measure(here, source), measure(there, target)
        checks.refuse_same_database(*ends)
        holders = {"source": lock_holders(here), "target": lock_holders(there)}
        findings = Findings(checks=[*checks.run_checks(*ends, decisions, holders), *unseen_programs(source)])
        if known is not None and _still_holds(known, ends, decisions):
            plans = _reuse(known, findings)
        else:
            plans = _scan(here, there, decisions, findings, ends[1].version_num // 10_000)
        run = read_run(there)
        state = _target_state(there, run, ends, findings)
        if run is None:
            findings.checks += outline.taken_names(there, plans)
        if run is None or not run.is_finished:
            findings.checks += outline.attached(there)
    return _hold_against(run, _assemble(plans, ends, findings, decisions, state))


def _still_holds(known: Plan, ends: tuple[Situation, Situation], decisions: Decisions) -> bool:
    """Say whether no transaction of the source has written anything since a plan was made, DDL and rights included."""
    volatile: dict[str, Any] = {"size_bytes": 0, "snapshot": "", "pgvector": ""}
    pairs = zip((known.source, known.target), (end.facts for end in ends), strict=True)
    is_same = all(replace(old, **volatile) == replace(new, **volatile) for old, new in pairs)
    return is_same and known.decisions == decisions and known.source.snapshot == ends[0].facts.snapshot != ""


def _reuse(known: Plan, findings: Findings) -> list[TablePlan]:
    """Take over what only a scan finds."""
    made = {(check.code, check.name) for check in findings.checks}
    kept = [check for check in known.checks if check.code in {code.id for code in _SCANNED}]
    findings.checks += [check for check in kept if (check.code, check.name) not in made]
    findings.decisions += known.open_decisions
    return list(known.tables)


def _scan(
    here: Connection, there: Connection, decisions: Decisions, findings: Findings, target_major: int
) -> list[TablePlan]:
    pairs = _plan_tables(here, decisions, findings, target_major)
    copied = [pair for pair in pairs if pair[0].action.copies]
    if not findings.decisions and not any(check.blocks for check in findings.checks):
        findings.checks += prechecks.would_reject(here, copied, allow_rejects=decisions.allow_rejects)
    findings.checks.append(_largest([plan for plan, _ in pairs]))
    findings.checks += outline.left_out(here, copied)
    outline.refuse_xml(there, copied, findings)
    return [plan for plan, _ in pairs]


@contextmanager
def _snapshot(endpoint: Endpoint, sessions: Sessions) -> Iterator[Connection]:
    """One consistent view that the server itself holds to reading."""
    with sessions.for_plan(endpoint, APPLICATION) as connection:
        begin_reading(connection)
        yield connection


def _plan_tables(
    connection: Connection, decisions: Decisions, findings: Findings, target_major: int
) -> list[tuple[TablePlan, SourceTable]]:
    tables = read_tables(connection)
    known = {t.name: name for t in tables if t.schema == "public" and (name := target_table(t.name))}
    by_target = {table.name: table for table in tables if table.name in known}
    sources = {table.label: table for table in tables}
    mapped = Mapped({name: known[name] for name, t in by_target.items() if _has_other_id(t)}, sources)
    pairs = [(_table_plan(connection, table, decisions, mapped, findings), table) for table in tables]
    _refuse_table_clashes([plan for plan, _ in pairs], findings)
    plans = {plan.source_table: plan for plan, _ in pairs}
    ordered = sorted(pairs, key=lambda pair: _order(pair[0]))
    return [(with_ddl(p, sources, plans, target_major) if p.action.copies else p, t) for p, t in ordered]


def _has_other_id(table: SourceTable) -> bool:
    return any(column.name == "id" and column.type != "uuid" for column in table.columns)


def _order(plan: TablePlan) -> tuple[int, int, str]:
    """Copied tables first, the store's own in the order of their references, then by name."""
    names = list(canonical.TABLES)
    return (not plan.action.copies, names.index(plan.name) if plan.name in names else len(names), plan.name)


def _table_plan(
    connection: Connection, table: SourceTable, decisions: Decisions, mapped: Mapped, findings: Findings
) -> TablePlan:
    action, reason = classify(table.name, decisions, schema=table.schema)
    measured = _measure(connection, table, action)
    name = target_table(table.name) if action is Action.MIGRATE else None
    plan = TablePlan(name or table.label, table.label, action, reason, measured.rows, measured.bytes)
    if action is Action.UNDECIDED:
        findings.decisions.append(_table_decision(table, measured))
    if not action.copies:
        return plan
    if not _may_read(connection, table):
        fix = (
            f"As the table's owner: GRANT SELECT ON {table.sql} TO the role of the source's storage.url; where a "
            "row-level policy hides rows from that role, as a superuser: ALTER ROLE that role BYPASSRLS."
        )
        findings.fail(codes.PRIVILEGE, f"rights on {table.label}", f"may not read every row of {table.label}", fix)
    if name is not None:
        columns, dropped = migrate_columns(table, name, measured, decisions, mapped, findings)
    else:
        columns, dropped = carry_columns(table, decisions, mapped)
    check_types(table, columns, findings)
    if not columns:
        fix = f"Leave the table behind: --skip-table {table.label}=REASON"
        findings.fail(codes.TYPE, f"columns of {table.label}", f"No column of {table.label} can be copied.", fix)
    key = usable_key(table, columns)
    by = chunk_column(table, key)
    return replace(
        plan,
        columns=tuple(columns),
        dropped_columns=dropped,
        key=key,
        chunk_column=by,
        chunks=max(1, math.ceil(measured.rows / CHUNK_ROWS)) if by else 1,
        notes=() if by else ("partitioned, without a key that ranges can be made of: one chunk, restarted whole",),
        largest_value_bytes=measured.largest_value_bytes,
        sure_keys=sure_keys(table, columns),
        is_partitioned=table.kind == "p",
    )


def _table_decision(table: SourceTable, measured: Measured) -> Decision:
    text = f"The store has no table for {table.label}: {measured.rows:,} rows, {len(table.columns)} columns."
    choices = (f"--carry-table {table.label}", f"--skip-table {table.label}=REASON")
    return Decision("table", table.label, measured.rows, measured.bytes, text, choices[table.schema != "public" :])


def _measure(connection: Connection, table: SourceTable, action: Action) -> Measured:
    if not _may_read(connection, table):
        return Measured(0, table.bytes)
    rows, largest = _count(connection, table, is_measured=action.copies)
    if not action.copies:
        return Measured(rows, table.bytes)
    name = target_table(table.name) if action is Action.MIGRATE else None
    words = _words(connection, table, name)
    shown = {column: of for column, of in words.items() if of is not None}
    return Measured(rows, table.bytes, largest, shown, frozenset(words.keys() - shown.keys()))


def _may_read(connection: Connection, table: SourceTable) -> bool:
    """Say whether this role sees every row: a policy would hide some from copy and verification alike."""
    row = connection.execute(
        "SELECT pg_catalog.has_table_privilege(%(oid)s::oid, 'SELECT') AND NOT pg_catalog.row_security_active(%(oid)s)",
        {"oid": table.oid},
    ).fetchone()
    return bool(row and row[0])


def _count(connection: Connection, table: SourceTable, *, is_measured: bool) -> tuple[int, int]:
    """Return the rows and the largest stored value, in one scan; sizes are read without unpacking the values."""
    wide = [c.name for c in table.columns if is_measured and c.category in ("S", "A", "U") and c.base != "uuid"]
    sizes = "".join(f", max(pg_catalog.pg_column_size({quote(name)}))" for name in wide)
    row = connection.execute(f"SELECT count(*), greatest(0{sizes}) FROM {table.rows_sql}").fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _words(connection: Connection, table: SourceTable, name: str | None) -> dict[str, dict[str, int] | None]:
    """Count the words of each enumerated column, at most 100 of one; None for a column that holds texts.

    Words go into the plan, its history and the support bundle: what somebody wrote into a column of theirs must not.
    """
    found: dict[str, dict[str, int] | None] = {}
    for column in table.columns if name else ():
        target = target_column(name or "", column.name)
        if target is None or not canonical.TABLES[name or ""][target].allowed:
            continue
        word = f"{quote(column.name)}::text"
        query = (
            f"SELECT {word}, count(*), max(char_length({word})) OVER () FROM {table.rows_sql}"
            f" WHERE {word} IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT 100"
        )
        counted = connection.execute(query).fetchall()
        is_text = any(longest > canonical.WORD_LENGTH for _, _, longest in counted)
        found[column.name] = None if is_text else {word: int(rows) for word, rows, _ in counted}
    return found


def _refuse_table_clashes(plans: list[TablePlan], findings: Findings) -> None:
    seen: dict[str, str] = {}
    for plan in plans:
        if not plan.action.copies:
            continue
        if plan.name in seen:
            findings.fail(
                codes.NAME_CLASH,
                f"table {plan.name}",
                f"The source's tables {seen[plan.name]} and {plan.source_table} would both become {plan.name}.",
                f"Decide which one is right and leave the other behind: --skip-table {plan.source_table}=REASON",
            )
        seen.setdefault(plan.name, plan.source_table)


def _largest(plans: list[TablePlan]) -> CheckResult:
    biggest = max(plans, key=lambda plan: plan.largest_value_bytes, default=None)
    if biggest is None:
        return checks.largest_value(0, "")
    return checks.largest_value(biggest.largest_value_bytes, biggest.source_table)


def _target_state(
    connection: Connection, run: RunRow | None, ends: tuple[Situation, Situation], findings: Findings
) -> TargetState:
    if run is not None:
        source = ends[0].facts
        if (run.source_system, run.source_database) == (source.system_id, source.database):
            return "finished" if run.state == "verified" else "unfinished"
        findings.fail(
            codes.OTHER_RUN,
            "target",
            f"The target holds the migration of another source ({run.source_label}, state {run.state}).",
            "Choose an empty database as the target; `mosaic storage status` lists the runs of this dashboard.",
        )
        return "foreign"
    filled = filled_tables(connection)
    if filled:
        shown = ", ".join(f"{name} ({rows} rows)" for name, rows in filled[:5])
        findings.fail(
            codes.TARGET_NOT_EMPTY,
            "target is empty",
            f"The target database already holds: {shown}.",
            "Choose an empty database as the target, or remove those tables yourself: a migration never deletes them.",
        )
        return "foreign"
    findings.checks.append(CheckResult(codes.TARGET_NOT_EMPTY.id, "target is empty", CheckStatus.PASS, "empty"))
    return "empty"


def _hold_against(run: RunRow | None, plan: Plan) -> Plan:
    """Refuse, already in the dry run, what the run itself would refuse: other decisions on a target with a run."""
    if run is None or plan.target_state == "foreign" or plan.open_decisions or is_same_work(run, plan):
        return plan
    number = f"run #{run.job_number}" if run.job_number else "a run"
    check = CheckResult(
        codes.OTHER_RUN.id,
        "target",
        CheckStatus.FAIL,
        f"The target holds {number} of this source with other decisions or of another schema, in state {run.state}.",
        "Repeat that run's decisions to go on with it, or choose an empty database as the target.",
    )
    return replace(plan, checks=(check, *plan.checks))


def is_same_work(run: RunRow, plan: Plan) -> bool:
    """Say whether a run moves what the plan says: what is permitted may change between two attempts at it."""
    if run.plan_hash == plan.hash:
        return True
    try:
        stored = Plan.from_dict(run.plan)
    except ValidationError:  # written by another version
        return False
    mine = plan.decisions
    permitted = replace(stored.decisions, allow_rejects=mine.allow_rejects, allow_sessions=mine.allow_sessions)
    return replace(stored, decisions=permitted).hash == plan.hash


def filled_tables(connection: Connection) -> list[tuple[str, int]]:
    """Return the target's tables that are in the way: foreign ones (rows or not), and the store's own with rows."""
    found = []
    for table in read_tables(connection):
        if table.schema == "mosaic_migration" or table.name == "django_migrations":
            continue
        row = connection.execute(f"SELECT count(*) FROM {table.rows_sql}").fetchone()
        rows = int(row[0]) if row else 0
        if rows or table.schema != "public" or table.name not in canonical.TABLES:
            found.append((table.label, rows))
    return found


def _assemble(
    plans: list[TablePlan],
    ends: tuple[Situation, Situation],
    findings: Findings,
    decisions: Decisions,
    state: TargetState,
) -> Plan:
    copied = [plan for plan in plans if plan.action.copies]
    totals = Totals(
        tables=len(copied),
        rows=sum(plan.rows for plan in copied),
        bytes=sum(plan.bytes for plan in copied),
        skipped_tables=sum(plan.action is Action.SKIP for plan in plans),
        chunks=sum(plan.chunks for plan in copied),
        largest_value_bytes=max((plan.largest_value_bytes for plan in copied), default=0),
    )
    return Plan(
        source=ends[0].facts,
        target=ends[1].facts,
        tables=tuple(plans),
        checks=tuple(findings.checks),
        open_decisions=tuple(findings.decisions),
        decisions=decisions,
        totals=totals,
        estimate=_estimate(totals),
        made_at=datetime.now(UTC).isoformat(),
        target_state=state,
    )


def _estimate(totals: Totals) -> dict[str, float]:
    """Seconds per phase."""
    return {
        "prepare": 2.0,
        "copy": round(totals.bytes / COPY_BYTES_PER_S + 0.02 * totals.chunks, 1),
        "indexes": round(totals.bytes / INDEX_BYTES_PER_S, 1),
        "verify": round(totals.bytes / VERIFY_BYTES_PER_S, 1),
    }
