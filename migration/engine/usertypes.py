"""Types of a source's own: what a column's type really is, and how the target gets the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg.rows import class_row

from migration.engine.connections import Connection

KNOWN_EXTENSIONS = ("vector", "citext")  # the target has the one, the other travels as text


@dataclass(frozen=True)
class TypeRow:
    """One row of pg_type; `definition` creates an enum or a domain."""

    oid: int
    name: str
    schema: str
    extension: str
    kind: str  # pg_type.typtype
    category: str
    element: int
    base: int
    definition: str
    needs: str  # functions and the like that its rules use and no target has


@dataclass(frozen=True)
class ColumnType:
    """`base` is the type behind all domains, with "_" before it for an array. `made`: CREATE statements, in order.

    `obstacle` says why the target cannot get this type, "" where it can.
    """

    base: str
    kind: str
    made: tuple[str, ...] = ()
    obstacle: str = ""


# Functions of PostgreSQL's own that an expression calls and that do something (`lo_import`, `set_config`,
# `query_to_xml` …): a target would do it with our rights. pg_depend leaves them out; the expression's tree has them.
EFFECTS = """coalesce((SELECT string_agg(DISTINCT 'function ' || p.proname::text, ', ')
    FROM pg_catalog.regexp_matches({tree}::text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') m
    JOIN pg_catalog.pg_proc p ON p.oid = m[1]::oid
   WHERE p.provolatile = 'v' AND p.oid < 12000::oid AND p.proname <> ALL (ARRAY['nextval', 'random', 'random_normal',
     'gen_random_uuid', 'uuidv4', 'uuidv7', 'clock_timestamp', 'timeofday']::name[])), '')"""
_RULES = """concat_ws(' ', t.typdefaultbin::text, (SELECT string_agg(k.conbin::text, ' ')
    FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid))"""
_TYPES = f"""
    SELECT t.oid, t.typname::text AS name, n.nspname::text AS schema, coalesce(x.extname::text, '') AS extension,
           t.typtype::text AS kind, t.typcategory::text AS category, t.typelem AS element, t.typbasetype AS base,
           CASE t.typtype WHEN 'e' THEN 'CREATE TYPE ' || quote_ident(t.typname) || ' AS ENUM ('
             || (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                   FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid) || ')'
           WHEN 'd' THEN 'CREATE DOMAIN ' || quote_ident(t.typname) || ' AS '
             || pg_catalog.format_type(t.typbasetype, t.typtypmod)
             || coalesce(' DEFAULT ' || t.typdefault, '') || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
             || coalesce((SELECT string_agg(' CONSTRAINT ' || quote_ident(c.conname) || ' '
                  || regexp_replace(pg_catalog.pg_get_constraintdef(c.oid), ' NOT VALID$', ''), '' ORDER BY c.conname)
                FROM pg_catalog.pg_constraint c WHERE c.contypid = t.oid AND c.contype = 'c'), '')
           ELSE '' END AS definition,
           concat_ws(', ', nullif(CASE t.typtype WHEN 'd' THEN {EFFECTS.format(tree=_RULES)} ELSE '' END, ''),
            (SELECT string_agg(DISTINCT pg_catalog.pg_describe_object(p.refclassid, p.refobjid, 0), ', ')
              FROM pg_catalog.pg_depend p LEFT JOIN pg_catalog.pg_constraint c ON p.classid = 'pg_constraint'::regclass
                   AND c.oid = p.objid AND c.contypid = t.oid
             WHERE (c.oid IS NOT NULL OR (p.classid = 'pg_type'::regclass AND p.objid = t.oid)) AND t.typtype = 'd'
               AND p.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_collation'::regclass)
               AND p.refobjid >= 12000::oid)) AS needs
      FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
      LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid
           AND d.deptype = 'e'
      LEFT JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid"""


class Types:
    """All types of a database, by oid."""

    def __init__(self, rows: Iterable[TypeRow]) -> None:
        self._rows: Mapping[int, TypeRow] = {row.oid: row for row in rows}

    @classmethod
    def read(cls, connection: Connection) -> Types:
        with connection.cursor(row_factory=class_row(TypeRow)) as cursor:
            return cls(cursor.execute(_TYPES).fetchall())

    def of(self, oid: int) -> ColumnType:
        """Return what the type of a column is made of."""
        row, prefix, own = self._rows[oid], "", list[TypeRow]()
        while row.kind == "d" or self._is_array(row):
            if row.kind == "d":
                own.insert(0, row)
                row = self._rows[row.base]
            else:
                prefix, row = "_", self._rows[row.element]
        if row.kind == "e":
            own.insert(0, row)
        made = tuple(r.definition for r in own)
        return ColumnType(prefix + row.name, row.kind, made, _obstacle(row, own))

    @staticmethod
    def _is_array(row: TypeRow) -> bool:
        return row.category == "A" and row.element != 0 and row.name.startswith("_") and row.kind == "b"


def _obstacle(root: TypeRow, own: list[TypeRow]) -> str:
    if root.extension and root.extension not in KNOWN_EXTENSIONS:
        return f"which belongs to the extension {root.extension}"
    for row in own:
        if row.schema != "public":
            return f"whose definition lies in schema {row.schema}"
        if row.needs:
            return f"whose rules need {row.needs}"
    return ""
