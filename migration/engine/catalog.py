"""What a database holds, read from its catalog: tables, columns, keys, indexes, constraints, sequences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

Connection = psycopg.Connection[Any]


def quote(name: str) -> str:
    """Quote an identifier; a name of `schema.table` form is the caller's to split."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL; standard_conforming_strings is on in every supported server."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class SourceColumn:
    name: str
    type: str  # format_type, e.g. "character varying(20)"
    base: str  # the type's own name, e.g. "varchar", "_text", "status_enum"
    category: str  # pg_type.typcategory; 'E' is an enum
    is_not_null: bool
    default: str
    identity: str  # "", "a" (always) or "d" (by default)
    generated: str  # "" or "s" (stored), "v" (virtual)
    sequence: str  # the sequence it owns, quoted as regclass prints it
    sequence_options: str = ""


@dataclass(frozen=True)
class ForeignKey:
    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    tail: str  # what follows the column list: ON DELETE … DEFERRABLE …
    is_valid: bool


@dataclass(frozen=True)
class Index:
    name: str
    definition: str
    is_unique: bool
    is_primary: bool
    is_constraint: bool


@dataclass(frozen=True)
class SourceTable:
    schema: str
    name: str
    oid: int
    kind: str  # 'r' ordinary, 'p' partitioned
    bytes: int
    columns: tuple[SourceColumn, ...]
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()  # of NOT NULL columns only: they can stand in for a primary key
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    indexes: tuple[Index, ...] = ()
    not_carried: tuple[str, ...] = ()  # triggers, policies, partitions, by name
    parents: tuple[str, ...] = ()  # tables that it inherits from

    @property
    def sql(self) -> str:
        return f"{quote(self.schema)}.{quote(self.name)}"

    @property
    def rows_sql(self) -> str:
        """Return what to read for this table's rows: a child's are the child's, a partition's are its parent's."""
        return self.sql if self.kind == "p" else f"ONLY {self.sql}"

    @property
    def label(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    def column(self, name: str) -> SourceColumn:
        return next(column for column in self.columns if column.name == name)


@dataclass
class _Parts:
    columns: list[SourceColumn] = field(default_factory=list)
    keys: dict[str, list[tuple[str, ...]]] = field(default_factory=lambda: {"p": [], "u": []})
    foreign: list[ForeignKey] = field(default_factory=list)
    checks: list[tuple[str, str]] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    not_carried: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)


_USER_SCHEMA = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'"
# Tables that belong to an extension are the extension's to create.
_NOT_EXTENSION = """NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
    AND d.objid = c.oid AND d.deptype = 'e')"""
_TABLES = f"""
    SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
           CASE c.relkind WHEN 'r' THEN pg_catalog.pg_table_size(c.oid) ELSE
             (SELECT sum(pg_catalog.pg_table_size(t.relid))::bigint FROM pg_catalog.pg_partition_tree(c.oid) t)
           END AS bytes
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {_USER_SCHEMA} AND {_NOT_EXTENSION}
     ORDER BY n.nspname, c.relname"""  # fixed texts
_COLUMNS = """
    SELECT a.attrelid AS oid, a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
           t.typname AS base, t.typcategory::text AS category, a.attnotnull AS is_not_null,
           coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') AS "default", a.attidentity::text AS identity,
           a.attgenerated::text AS generated,
           coalesce(q.seqrelid::regclass::text, '') AS sequence,
           CASE WHEN q.seqrelid IS NULL THEN '' ELSE format(
             'AS %%s INCREMENT BY %%s MINVALUE %%s MAXVALUE %%s START WITH %%s CACHE %%s %%s',
             pg_catalog.format_type(q.seqtypid, NULL), q.seqincrement, q.seqmin, q.seqmax, q.seqstart, q.seqcache,
             CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END) END AS sequence_options
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      LEFT JOIN pg_catalog.pg_depend p ON p.refclassid = 'pg_catalog.pg_class'::regclass AND p.refobjid = a.attrelid
           AND p.refobjsubid = a.attnum AND p.classid = 'pg_catalog.pg_class'::regclass AND p.deptype IN ('a', 'i')
           AND EXISTS (SELECT FROM pg_catalog.pg_sequence x WHERE x.seqrelid = p.objid)
      LEFT JOIN pg_catalog.pg_sequence q ON q.seqrelid = p.objid
     WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum"""
_NAMES = """(SELECT coalesce(array_agg(x.attname::text ORDER BY k.ord), '{{}}')
    FROM unnest({keys}) WITH ORDINALITY k(num, ord)
    JOIN pg_catalog.pg_attribute x ON x.attrelid = {table} AND x.attnum = k.num)"""
_CONSTRAINTS = f"""
    SELECT c.conrelid AS oid, c.contype::text AS type, c.conname AS name, c.convalidated AS is_valid,
           {_NAMES.format(keys="c.conkey", table="c.conrelid")} AS columns,
           {_NAMES.format(keys="c.confkey", table="c.confrelid")} AS target_columns,
           coalesce((SELECT relname::text FROM pg_catalog.pg_class WHERE oid = c.confrelid), '') AS target,
           pg_catalog.pg_get_constraintdef(c.oid) AS definition
      FROM pg_catalog.pg_constraint c
     WHERE c.conrelid = ANY(%s) AND c.contype IN ('p', 'u', 'f', 'c')
     ORDER BY c.conrelid, c.conname"""  # fixed texts
_INDEXES = """
    SELECT i.indrelid AS oid, c.relname AS name, pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
           i.indisunique AS is_unique, i.indisprimary AS is_primary,
           EXISTS (SELECT FROM pg_catalog.pg_constraint k
                WHERE k.conindid = i.indexrelid AND k.contype IN ('p','u','x'))
               AS is_constraint
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = ANY(%s) AND i.indisvalid ORDER BY i.indrelid, c.relname"""
_EXTRAS = """
    SELECT tgrelid AS oid, 'trigger ' || tgname AS what FROM pg_catalog.pg_trigger
     WHERE tgrelid = ANY(%(oids)s) AND NOT tgisinternal
    UNION ALL SELECT polrelid, 'policy ' || polname FROM pg_catalog.pg_policy WHERE polrelid = ANY(%(oids)s)
    UNION ALL SELECT c.oid, 'partition ' || t.relid::regclass::text
      FROM pg_catalog.pg_class c, pg_catalog.pg_partition_tree(c.oid) t
     WHERE c.oid = ANY(%(oids)s) AND c.relkind = 'p' AND t.level > 0 ORDER BY 1, 2"""
_PARENTS = """
    SELECT i.inhrelid AS oid, p.relname::text AS parent FROM pg_catalog.pg_inherits i
      JOIN pg_catalog.pg_class p ON p.oid = i.inhparent WHERE i.inhrelid = ANY(%s) ORDER BY 1, i.inhseqno"""


def read_tables(connection: Connection) -> list[SourceTable]:
    """Return every user table of every schema but those of extensions, by schema and name."""
    with connection.cursor(row_factory=dict_row) as cursor:
        tables = cursor.execute(_TABLES).fetchall()
        oids = [row["oid"] for row in tables]
        parts = {oid: _Parts() for oid in oids}
        for row in cursor.execute(_COLUMNS, (oids,)).fetchall():
            parts[row.pop("oid")].columns.append(SourceColumn(**row))
        for row in cursor.execute(_CONSTRAINTS, (oids,)).fetchall():
            _add_constraint(parts[row["oid"]], row)
        for row in cursor.execute(_INDEXES, (oids,)).fetchall():
            parts[row.pop("oid")].indexes.append(Index(**row))
        for row in cursor.execute(_EXTRAS, {"oids": oids}).fetchall():
            parts[row["oid"]].not_carried.append(row["what"])
        for row in cursor.execute(_PARENTS, (oids,)).fetchall():
            parts[row["oid"]].parents.append(row["parent"])
    return [_table(row, parts[row["oid"]]) for row in tables]


def _add_constraint(parts: _Parts, row: dict[str, Any]) -> None:
    columns = tuple(row["columns"])
    match row["type"]:
        case "p" | "u":
            parts.keys[row["type"]].append(columns)
        case "f":
            tail = row["definition"].rsplit(")", 1)[1].removesuffix(" NOT VALID")
            key = ForeignKey(row["name"], columns, row["target"], tuple(row["target_columns"]), tail, row["is_valid"])
            parts.foreign.append(key)
        case _:
            parts.checks.append((row["name"], row["definition"]))


def _table(row: dict[str, Any], parts: _Parts) -> SourceTable:
    not_null = {column.name for column in parts.columns if column.is_not_null}
    return SourceTable(
        **row,
        columns=tuple(parts.columns),
        primary_key=next(iter(parts.keys["p"]), ()),
        unique_keys=tuple(key for key in parts.keys["u"] if not_null.issuperset(key)),
        foreign_keys=tuple(parts.foreign),
        checks=tuple(parts.checks),
        indexes=tuple(parts.indexes),
        not_carried=(*parts.not_carried, *(f"inheritance from {parent}" for parent in parts.parents)),
        parents=tuple(parts.parents),
    )


@dataclass(frozen=True)
class TargetObject:
    """An index or constraint of the target with its definition as the server prints it."""

    table: str
    kind: str  # index | foreign_key | unique | check, as in the ledger
    name: str
    definition: str
    is_unique: bool = False


_OBJECTS = """
    SELECT r.relname AS "table", 'index' AS kind, c.relname AS name,
           pg_catalog.pg_get_indexdef(i.indexrelid) AS definition, i.indisunique AS is_unique
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      JOIN pg_catalog.pg_class r ON r.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
     WHERE n.nspname = 'public' AND r.relname = ANY(%(tables)s) AND i.indisvalid
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                WHERE k.conindid = i.indexrelid AND k.contype IN ('p','u','x'))
    UNION ALL
    SELECT r.relname, CASE c.contype WHEN 'f' THEN 'foreign_key' WHEN 'c' THEN 'check' ELSE 'unique' END, c.conname,
           pg_catalog.pg_get_constraintdef(c.oid) || CASE WHEN c.convalidated THEN '' ELSE ' (not valid)' END, true
      FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
     WHERE n.nspname = 'public' AND r.relname = ANY(%(tables)s) AND c.contype IN ('p', 'u', 'f', 'c', 'x')
     ORDER BY 1, 2, 3"""


def read_objects(connection: Connection, tables: list[str]) -> list[TargetObject]:
    """Return the indexes and constraints of these tables of schema public; an index of a constraint counts as it."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_OBJECTS, {"tables": tables}).fetchall()
    return [TargetObject(**row) for row in rows]


def read_enums(connection: Connection) -> dict[str, tuple[str, ...]]:
    """Return the enum types of schema public, by name, with their words in order."""
    rows = connection.execute(
        """SELECT t.typname, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_catalog.pg_type t
             JOIN pg_catalog.pg_enum e ON e.enumtypid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
            WHERE n.nspname = 'public' GROUP BY t.typname"""
    ).fetchall()
    return {name: tuple(words) for name, words in rows}
