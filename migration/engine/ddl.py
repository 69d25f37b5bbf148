"""Indexes, keys and sequences: written down first, dropped only while chunks remain, proved equal in the end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from uuid import UUID

from migration.engine import ledger_rows as ledger
from migration.engine import orphans
from migration.engine.catalog import Connection, in_public, read_columns, read_objects
from migration.engine.lanes import Watch
from migration.engine.ledger_rows import Claim, DdlRow
from migration.engine.model import Plan, SureKey
from migration.engine.surekeys import is_sure

MAX_VECTOR_DIM, MAX_HALFVEC_DIM = 2_000, 4_000  # pgvector's limits for HNSW


ReadSequence = Callable[[str, str], tuple[int, bool]]


def record(connection: Connection, claim: Claim, plan: Plan) -> None:
    """Write down every column, index and constraint of the fresh schema, and those that carried tables get later."""
    tables = [table.name for table in plan.copied_tables]
    rows = [
        DdlRow(found.table, found.kind, found.name, found.definition, _ordinal(found.kind), "present")
        for found in (*read_objects(connection, tables), *read_columns(connection, tables))
    ]
    for table in plan.copied_tables:
        rows += [DdlRow(table.name, kind, name, sql, _ordinal(kind), "dropped") for kind, name, sql in table.late_ddl]
    ledger.insert_ddl(connection, claim.run_id, rows)


def _ordinal(kind: str) -> int:
    """Foreign keys last: they need the unique keys they refer to."""
    return {"index": 1, "unique": 1, "check": 0, "column": 0, "foreign_key": 2}[kind]


def drop_secondary(connection: Connection, claim: Claim, plan: Plan, tables: Collection[str]) -> None:
    """Drop all foreign keys, and of these tables plain indexes and those unique keys that the source guarantees."""
    sure = {table.name: table.sure_keys for table in plan.copied_tables if table.name in tables}
    found = [row for row in ledger.read_ddl(connection, claim.run_id) if _is_droppable(row, sure)]
    drop_all(connection, claim, found)


def drop_all(connection: Connection, claim: Claim, found: list[DdlRow]) -> None:
    """Drop these, and say so in the ledger, in one transaction."""
    # a foreign key that is being built stands, not yet valid, while the ledger still calls it dropped
    rows = [row for row in found if row.state != "dropped" or row.kind == "foreign_key"]
    if not rows:
        return
    with claim.transaction(connection):
        for row in sorted(rows, key=lambda row: -row.ordinal):
            if row.kind != "foreign_key" and _is_referred_to(connection, row):
                continue
            connection.execute(orphans.drop_statement(row))
            ledger.set_ddl_state(connection, claim.run_id, row, "dropped")


def _is_droppable(row: DdlRow, sure: Mapping[str, Sequence[SureKey]]) -> bool:
    if row.kind == "foreign_key":
        return True
    if row.table_name not in sure:
        return False
    is_unique = row.kind == "unique" or row.definition.startswith("CREATE UNIQUE")
    return is_sure(row.definition, sure[row.table_name]) if is_unique else row.kind == "index"


def _is_referred_to(connection: Connection, row: DdlRow) -> bool:
    """Say whether a foreign key still stands on it: one of a table of the store that this source does not have."""
    found = connection.execute(
        """SELECT FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_class i ON i.oid = f.conindid
             JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace
            WHERE f.contype = 'f' AND n.nspname = 'public' AND i.relname = %s LIMIT 1""",
        (row.name,),
    )
    return found.fetchone() is not None


def add_vector_indexes(connection: Connection, claim: Claim, watch: Watch) -> None:
    """Write down one HNSW index per dimension found in the insights (DESIGN §5); they are built with the others."""
    rows = connection.execute(
        "SELECT DISTINCT embedding_dim FROM public.insights WHERE embedding IS NOT NULL ORDER BY 1"
    ).fetchall()
    made = []
    for (dim,) in rows:
        if dim is None or dim > MAX_HALFVEC_DIM:
            watch.tracker.event(f"No index for embeddings of {dim} dimensions: pgvector's limit is 4,000", "warning")
            continue
        kind = "vector" if dim <= MAX_VECTOR_DIM else "halfvec"
        name = f"insights_embedding_hnsw_{dim}"
        definition = (
            f"CREATE INDEX {name} ON public.insights USING hnsw "
            f"(((embedding)::{kind}({dim})) {kind}_cosine_ops) WHERE (embedding_dim = {dim})"
        )
        made.append(DdlRow("insights", "index", name, definition, 1, "dropped"))
    with claim.transaction(connection):
        ledger.insert_ddl(connection, claim.run_id, made)


def broken_objects(connection: Connection, run_id: UUID, plan: Plan) -> list[DdlRow]:
    """Return what the ledger says is there, and is not, or otherwise; only what can be built again."""
    tables = [table.name for table in plan.copied_tables]
    found = {(o.table, o.kind, o.name): o.definition for o in read_objects(connection, tables)}
    rows = [row for row in ledger.read_ddl(connection, run_id) if row.kind != "column" and row.state != "dropped"]
    return [row for row in rows if found.get((row.table_name, row.kind, row.name)) != row.definition]


def catalog_differences(connection: Connection, run_id: UUID, plan: Plan) -> tuple[str, ...]:
    """Compare the target's columns, indexes and constraints with what the ledger says they must be."""
    rows = ledger.read_ddl(connection, run_id)
    wanted = {(r.table_name, r.kind, r.name): r.definition for r in rows}
    tables = [table.name for table in plan.copied_tables]
    objects = read_objects(connection, tables)
    if any(row.kind == "column" for row in rows):  # an older ledger has none
        objects += read_columns(connection, tables)
    found = {(o.table, o.kind, o.name): o.definition for o in objects}
    missing = [f"missing: {kind} {name} on {table}" for table, kind, name in wanted.keys() - found.keys()]
    extra = [f"unexpected: {kind} {name} on {table}" for table, kind, name in found.keys() - wanted.keys()]
    changed = [f"changed: {k[1]} {k[2]} on {k[0]}" for k in wanted.keys() & found.keys() if wanted[k] != found[k]]
    return tuple(sorted([*missing, *extra, *changed]))


def set_sequences(source: Connection, target: Connection, claim: Claim, plan: Plan) -> int:
    """Give every carried sequence its source's position; sequences lie outside snapshots, so read them late."""
    count = 0
    for table in plan.copied_tables:
        for there, here in table.sequences:
            value, called = read_sequence(source, there)
            with claim.transaction(target):
                target.execute("SELECT pg_catalog.setval(%s::regclass, %s, %s)", (here, value, called))
                ledger.save_sequence(target, claim.run_id, here, value, called)
            count += 1
    return count


def read_sequence(connection: Connection, name: str) -> tuple[int, bool]:
    row = connection.execute(f"SELECT last_value, is_called FROM {in_public(name)}").fetchone()
    assert row is not None
    return int(row[0]), bool(row[1])


def sequence_differences(wanted: ReadSequence, target: Connection, plan: Plan) -> tuple[str, ...]:
    """Compare the target's sequences with what `wanted(source's name, target's name)` says."""
    found = []
    for table in plan.copied_tables:
        for there, here in table.sequences:
            should, got = wanted(there, here), read_sequence(target, here)
            if should != got:
                found.append(f"sequence {here} stands at {got[0]}, the source's at {should[0]}")
    return tuple(found)
