"""What a database's schema is, and proof that a database did not change. Shares no code with the product."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from tests.comparator import Connection, Difference, open_reader

_USER_SCHEMAS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_QUERIES = {
    "table": f"""
        SELECT format('%I.%I', n.nspname, c.relname), c.relkind::text, c.relpersistence::text, c.relrowsecurity::text,
               c.reloptions::text
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {_USER_SCHEMAS} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')""",
    "column": f"""
        SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname), format_type(a.atttypid, a.atttypmod),
               a.attnotnull::text, pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text,
               a.attcollation::regcollation::text
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE {_USER_SCHEMAS} AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraint": f"""
        SELECT format('%I.%I.%I', n.nspname, c.relname, k.conname), pg_get_constraintdef(k.oid), k.convalidated::text
          FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {_USER_SCHEMAS} AND k.contype <> 'n'""",  # 'n': NOT NULL, which has no row before PostgreSQL 18
    "index": f"""
        SELECT format('%I.%I', n.nspname, c.relname), pg_get_indexdef(i.indexrelid), i.indisvalid::text
          FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {_USER_SCHEMAS}""",
    "sequence": f"""
        SELECT format('%I.%I', n.nspname, c.relname), format_type(s.seqtypid, NULL), s.seqstart::text,
               s.seqincrement::text, s.seqmax::text, s.seqmin::text, s.seqcycle::text, o.refobjid::regclass::text
          FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN pg_depend o ON o.objid = c.oid AND o.deptype IN ('a', 'i') AND o.refclassid = 'pg_class'::regclass
               AND o.refobjsubid > 0
         WHERE {_USER_SCHEMAS}""",
    "enum": f"""
        SELECT format('%I.%I', n.nspname, t.typname), string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
          FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid JOIN pg_namespace n ON n.oid = t.typnamespace
         WHERE {_USER_SCHEMAS} GROUP BY 1""",
    "trigger": f"""
        SELECT format('%I.%I.%I', n.nspname, c.relname, t.tgname), pg_get_triggerdef(t.oid), t.tgenabled::text
          FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {_USER_SCHEMAS} AND NOT t.tgisinternal""",
    "extension": "SELECT extname, extversion FROM pg_extension",
}

Catalog = dict[tuple[str, str], tuple[Any, ...]]  # (kind, name) → definition


def catalog_of(url: str, *, schema: str | None = None) -> Catalog:
    """Return every table, column, constraint, index, sequence, enum, trigger and extension; of one schema if named."""
    with open_reader(url) as connection:
        catalog = {
            (kind, row[0]): tuple(row[1:])
            for kind, query in _QUERIES.items()
            for row in connection.execute(query.encode())
        }
    if schema is None:
        return catalog
    return {key: value for key, value in catalog.items() if key[1].startswith(f"{schema}.")}


def compare_catalogs(expected: Catalog, found: Catalog) -> list[Difference]:
    """Return what one catalog has and the other has not, or has otherwise."""
    return [
        Difference("catalog", name, (kind,), "", expected.get((kind, name)), found.get((kind, name)))
        for kind, name in sorted(expected.keys() | found.keys())
        if expected.get((kind, name)) != found.get((kind, name))
    ]


@dataclass(frozen=True)
class Fingerprint:
    """A database at one moment. `next_xid` is the whole server's: keep autovacuum and other writers away."""

    catalog: str
    data: dict[str, tuple[int, str]]  # table or sequence → rows, order-independent sum of their hashes
    next_xid: int


def fingerprint(url: str) -> Fingerprint:
    """Hash all data and the whole catalog, assigning no transaction id: equal before and after means no write."""
    catalog = catalog_of(url)
    text = repr(sorted(catalog.items(), key=lambda item: item[0]))
    with open_reader(url) as connection:
        row = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
        data = {name: _sum(connection, kind, name) for kind, name in sorted(catalog) if kind in ("table", "sequence")}
    return Fingerprint(hashlib.sha256(text.encode()).hexdigest(), data, int(row[0]) if row else 0)


def _sum(connection: Connection, kind: str, name: str) -> tuple[int, str]:
    half = "sum(('x' || substr(h, {}, 16))::bit(64)::bigint::numeric)"
    text = "concat_ws(' ', t.last_value, t.is_called)" if kind == "sequence" else "t::text"
    query = (
        f"SELECT count(*), concat({half.format(1)}, ':', {half.format(17)}) "
        f"FROM (SELECT md5({text}) AS h FROM {name} AS t) AS hashes"
    )
    row = connection.execute(query.encode()).fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")
