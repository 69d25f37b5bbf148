"""Rows that refer to nothing: taken out of the target and noted, before their foreign key can stand."""

from __future__ import annotations

from dataclasses import dataclass

from migration.engine import ledger_rows as ledger
from migration.engine.catalog import Connection, literal, quote
from migration.engine.lanes import Watch
from migration.engine.ledger_rows import Claim, DdlRow
from migration.engine.model import Plan, TablePlan
from migration.engine.ranges import shown_key
from migration.engine.rejects import reason


@dataclass(frozen=True)
class _Reference:
    """A foreign key as the catalog knows it; `child` and `parent` name its columns pairwise."""

    parent: str  # quoted
    child_columns: tuple[str, ...]
    parent_columns: tuple[str, ...]
    is_full: bool  # MATCH FULL: a half empty key refers to nothing


_REFERENCE = """
    SELECT confrelid::regclass::text, confmatchtype = 'f',
           (SELECT array_agg(quote_ident(a.attname) ORDER BY k.n) FROM unnest(conkey) WITH ORDINALITY k(num, n)
              JOIN pg_catalog.pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.num),
           (SELECT array_agg(quote_ident(a.attname) ORDER BY k.n) FROM unnest(confkey) WITH ORDINALITY k(num, n)
              JOIN pg_catalog.pg_attribute a ON a.attrelid = confrelid AND a.attnum = k.num)
      FROM pg_catalog.pg_constraint WHERE conrelid = to_regclass(%s) AND conname = %s AND contype = 'f'"""


def create_statement(row: DdlRow) -> str:
    if row.kind == "index" or row.definition.startswith("ALTER TABLE"):
        return row.definition
    return f"ALTER TABLE public.{quote(row.table_name)} ADD CONSTRAINT {quote(row.name)} {row.definition}"


def drop_statement(row: DdlRow) -> str:
    if row.kind == "index":
        return f"DROP INDEX IF EXISTS public.{quote(row.name)}"
    return f"ALTER TABLE public.{quote(row.table_name)} DROP CONSTRAINT IF EXISTS {quote(row.name)}"


def reject_orphans(connection: Connection, claim: Claim, plan: Plan, watch: Watch) -> None:
    """Take rows that refer to nothing out of the target, then those that referred to them, until none is left.

    No foreign key may stand meanwhile: it would refuse, or with ON DELETE change rows that nobody hears of.
    """
    tables = {table.name: table for table in plan.copied_tables}
    with claim.transaction(connection):
        keys = [
            (tables[row.table_name], _read(connection, row))
            for row in ledger.read_ddl(connection, claim.run_id)
            if row.kind == "foreign_key" and not row.definition.endswith("NOT VALID")
        ]
        while sum([_reject_orphans_of(connection, claim, table, key) for table, key in keys]):
            watch.control.check()
    watch.tracker.event("Rows that refer to nothing were rejected", "warning")


def _read(connection: Connection, row: DdlRow) -> _Reference:
    """Let the server read the definition: made without a look at the rows, described, and dropped again."""
    connection.execute(f"{create_statement(row)} NOT VALID")
    found = connection.execute(_REFERENCE, (f"public.{quote(row.table_name)}", row.name)).fetchone()
    connection.execute(drop_statement(row))
    assert found is not None
    return _Reference(found[0], tuple(found[2]), tuple(found[3]), found[1])


def _reject_orphans_of(connection: Connection, claim: Claim, table: TablePlan, key: _Reference) -> int:
    pairs = zip(key.parent_columns, key.child_columns, strict=True)
    same = " AND ".join(f"p.{there} = c.{here}" for there, here in pairs)
    is_set = (" OR " if key.is_full else " AND ").join(f"c.{column} IS NOT NULL" for column in key.child_columns)
    delete = f"""
        WITH gone AS (DELETE FROM public.{quote(table.name)} c WHERE ({is_set})
            AND NOT EXISTS (SELECT FROM {key.parent} p WHERE {same}) RETURNING {shown_key(table)[1]} AS key)
        INSERT INTO mosaic_migration.reject (run_id, table_name, row_key, reason, sqlstate)
        SELECT {literal(str(claim.run_id))}::uuid, {literal(table.name)}, key, {literal(reason("23503"))}, '23503'
          FROM gone"""
    return connection.execute(delete).rowcount
