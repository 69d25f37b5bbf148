"""What a database holds, read from its catalog: tables, columns, keys, indexes, constraints, sequences."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

from migration.engine.usertypes import EFFECTS, Types

Connection = psycopg.Connection[Any]


def quote(name: str) -> str:
    """Quote an identifier; a name of `schema.table` form is the caller's to split."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL; standard_conforming_strings is on in every supported server."""
    return "'" + text.replace("'", "''") + "'"


def has_schema(name: str) -> bool:
    """Say whether a name, quoted as the server prints it, says its schema."""
    return re.match(r'(?:"(?:[^"]|"")+"|[^".]+)\.', name) is not None


def in_public(name: str) -> str:
    return name if has_schema(name) else f"public.{name}"


def unqualified(name: str) -> str:
    """Return a printed name as it is called within `public`: our sessions search no schema, so the server says each."""
    return name.removeprefix("public.")


@dataclass(frozen=True)
class SourceColumn:
    name: str
    type: str  # format_type, e.g. "character varying(20)"
    base: str  # the name of the type behind all domains, e.g. "varchar", "_text", "status_enum"
    category: str  # pg_type.typcategory; 'E' is an enum
    is_not_null: bool
    default: str
    identity: str  # "", "a" (always) or "d" (by default)
    generated: str  # "" or "s" (stored), "v" (virtual)
    sequence: str  # the sequence it owns, quoted as regclass prints it
    sequence_options: str = ""
    collation: str = ""  # where it is not its type's own
    default_needs: str = ""  # what its default or its generation uses that no target has
    default_sequences: tuple[tuple[str, str], ...] = ()  # (name, options) of sequences that its default reads
    types: tuple[str, ...] = ()  # statements that create its type in another database
    obstacle: str = ""  # why its type cannot be created there
    is_enum: bool = False


@dataclass(frozen=True)
class ForeignKey:
    name: str
    columns: tuple[str, ...]
    target: str  # the table's label
    target_columns: tuple[str, ...]
    actions: str  # MATCH FULL, ON UPDATE …, ON DELETE …
    deferring: str  # DEFERRABLE …
    is_valid: bool
    is_enforced: bool = True
    has_period: bool = False
    set_columns: tuple[str, ...] = ()  # those that ON DELETE SET NULL or SET DEFAULT names


@dataclass(frozen=True)
class Constraint:
    """A key, an exclusion or a CHECK; `needs` is what it uses that no target has, "" for nothing."""

    name: str
    kind: str  # pg_constraint.contype: p, u, x or c
    columns: tuple[str, ...]
    definition: str
    is_valid: bool
    needs: str


@dataclass(frozen=True)
class Index:
    """An index that no constraint made."""

    name: str
    definition: str
    unique_columns: tuple[str, ...]  # what a foreign key may refer to: a whole unique index of plain columns
    needs: str


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
    constraints: tuple[Constraint, ...] = ()
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
    foreign: list[ForeignKey] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
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
# What pg_depend names that another database need not have: functions, operators and the like that PostgreSQL itself
# did not bring. Enums and domains are created with their tables, and pgvector is on every target.
_NEEDS = """coalesce((SELECT string_agg(DISTINCT pg_catalog.pg_describe_object(d.refclassid, d.refobjid, 0), ', ')
    FROM pg_catalog.pg_depend d
    LEFT JOIN pg_catalog.pg_type y ON d.refclassid = 'pg_type'::regclass AND y.oid = d.refobjid
   WHERE ({objects}) AND d.deptype IN ('n', 'a') AND d.refobjid >= 12000::oid
     AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_type'::regclass,
         'pg_collation'::regclass, 'pg_ts_config'::regclass, 'pg_ts_dict'::regclass)
     AND coalesce(y.typtype, '') NOT IN ('e', 'd') AND NOT (coalesce(y.typcategory, '') = 'A' AND EXISTS (
         SELECT FROM pg_catalog.pg_type i WHERE i.oid = y.typelem AND i.typtype IN ('e', 'd')))
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
         WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e' AND x.extname = 'vector')), '')"""
_OPTIONS = """format('AS %%s INCREMENT BY %%s MINVALUE %%s MAXVALUE %%s START WITH %%s CACHE %%s %%s',
    pg_catalog.format_type(q.seqtypid, NULL), q.seqincrement, q.seqmin, q.seqmax, q.seqstart, q.seqcache,
    CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END)"""
_COLUMNS = f"""
    SELECT a.attrelid AS oid, a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
           a.atttypid AS type_oid, t.typcategory::text AS category,
           a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint n WHERE n.contype = 'n'
             AND n.conrelid = a.attrelid AND n.conkey = ARRAY[a.attnum] AND NOT n.convalidated) AS is_not_null,
           coalesce(pg_catalog.pg_get_expr(f.adbin, f.adrelid), '') AS "default", a.attidentity::text AS identity,
           a.attgenerated::text AS generated,
           coalesce(q.seqrelid::regclass::text, '') AS sequence,
           CASE WHEN q.seqrelid IS NULL THEN '' ELSE {_OPTIONS} END AS sequence_options,
           coalesce((SELECT c.collname::text FROM pg_catalog.pg_collation c
              WHERE c.oid = a.attcollation AND a.attcollation <> t.typcollation), '') AS collation,
           concat_ws(', ',
             nullif({_NEEDS.format(objects="d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid")}, ''),
             nullif({EFFECTS.format(tree="f.adbin")}, '')) AS default_needs
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
      LEFT JOIN pg_catalog.pg_depend p ON p.refclassid = 'pg_catalog.pg_class'::regclass AND p.refobjid = a.attrelid
           AND p.refobjsubid = a.attnum AND p.classid = 'pg_catalog.pg_class'::regclass AND p.deptype IN ('a', 'i')
           AND EXISTS (SELECT FROM pg_catalog.pg_sequence x WHERE x.seqrelid = p.objid)
      LEFT JOIN pg_catalog.pg_sequence q ON q.seqrelid = p.objid
     WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum"""
_DEFAULT_SEQUENCES = f"""
    SELECT f.adrelid AS oid, a.attname AS column, q.seqrelid::regclass::text AS name, {_OPTIONS} AS options
      FROM pg_catalog.pg_attrdef f
      JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
           AND d.refclassid = 'pg_class'::regclass
      JOIN pg_catalog.pg_sequence q ON q.seqrelid = d.refobjid
     WHERE f.adrelid = ANY(%s) ORDER BY 1, 2, 3"""
_NAMES = """(SELECT coalesce(array_agg(x.attname::text ORDER BY k.ord), '{{}}')
    FROM unnest({keys}) WITH ORDINALITY k(num, ord)
    JOIN pg_catalog.pg_attribute x ON x.attrelid = {table} AND x.attnum = k.num)"""
# Read through to_jsonb: a column that this version's catalog does not have is NULL.
_DELETE_SETS = "(SELECT array_agg(v::int2) FROM jsonb_array_elements_text(nullif(j->'confdelsetcols', 'null')) v)"
_CONSTRAINTS = f"""
    SELECT c.conrelid AS oid, c.contype::text AS type, c.conname AS name, c.convalidated AS is_valid,
           {_NAMES.format(keys="c.conkey", table="c.conrelid")} AS columns,
           {_NAMES.format(keys="c.confkey", table="c.confrelid")} AS target_columns,
           {_NAMES.format(keys=_DELETE_SETS, table="c.conrelid")} AS set_columns,
           coalesce((SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || r.relname
              FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
             WHERE r.oid = c.confrelid), '') AS target,
           CASE c.confmatchtype WHEN 'f' THEN ' MATCH FULL' ELSE '' END
             || CASE c.confupdtype WHEN 'r' THEN ' ON UPDATE RESTRICT' WHEN 'c' THEN ' ON UPDATE CASCADE'
                  WHEN 'n' THEN ' ON UPDATE SET NULL' WHEN 'd' THEN ' ON UPDATE SET DEFAULT' ELSE '' END
             || CASE c.confdeltype WHEN 'r' THEN ' ON DELETE RESTRICT' WHEN 'c' THEN ' ON DELETE CASCADE'
                  WHEN 'n' THEN ' ON DELETE SET NULL' WHEN 'd' THEN ' ON DELETE SET DEFAULT' ELSE '' END AS actions,
           CASE WHEN c.condeferrable THEN ' DEFERRABLE' ELSE '' END
             || CASE WHEN c.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END AS deferring,
           coalesce((j->>'conperiod')::boolean, false) AS has_period,
           coalesce((j->>'conenforced')::boolean, true) AS is_enforced,
           pg_catalog.pg_get_constraintdef(c.oid) AS definition,
           concat_ws(', ', nullif({
    _NEEDS.format(
        objects="(d.classid = 'pg_constraint'::regclass AND d.objid = c.oid) OR "
        "(d.classid = 'pg_class'::regclass AND d.objid = c.conindid AND c.conindid <> 0)"
    )
}, ''), nullif({EFFECTS.format(tree="c.conbin")}, '')) AS needs
      FROM pg_catalog.pg_constraint c CROSS JOIN LATERAL to_jsonb(c) j
     WHERE c.conrelid = ANY(%s) AND c.contype IN ('p', 'u', 'f', 'c', 'x')
     ORDER BY c.conrelid, c.conname"""  # fixed texts
_INDEXES = f"""
    SELECT i.indrelid AS oid, c.relname AS name, pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
           CASE WHEN i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL THEN
             {_NAMES.format(keys="i.indkey[0:i.indnkeyatts - 1]", table="i.indrelid")}
           ELSE '{{}}' END AS unique_columns,
           {_NEEDS.format(objects="d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid")} AS needs
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = ANY(%s) AND i.indisvalid AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                WHERE k.conindid = i.indexrelid AND k.contype IN ('p','u','x'))
     ORDER BY i.indrelid, c.relname"""  # fixed texts
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
    types = Types.read(connection)
    with connection.cursor(row_factory=dict_row) as cursor:
        tables = cursor.execute(_TABLES).fetchall()
        oids = [row["oid"] for row in tables]
        parts = {oid: _Parts() for oid in oids}
        sequences: dict[tuple[int, str], list[tuple[str, str]]] = {}
        for row in cursor.execute(_DEFAULT_SEQUENCES, (oids,)).fetchall():
            found = (unqualified(row["name"]), row["options"])
            sequences.setdefault((row["oid"], row["column"]), []).append(found)
        for row in cursor.execute(_COLUMNS, (oids,)).fetchall():
            oid = row.pop("oid")
            parts[oid].columns.append(_column(row, types, sequences.get((oid, row["name"]), [])))
        for row in cursor.execute(_CONSTRAINTS, (oids,)).fetchall():
            _add_constraint(parts[row["oid"]], row)
        for row in cursor.execute(_INDEXES, (oids,)).fetchall():
            parts[row.pop("oid")].indexes.append(Index(**row | {"unique_columns": tuple(row["unique_columns"])}))
        for row in cursor.execute(_EXTRAS, {"oids": oids}).fetchall():
            parts[row["oid"]].not_carried.append(row["what"])
        for row in cursor.execute(_PARENTS, (oids,)).fetchall():
            parts[row["oid"]].parents.append(row["parent"])
    return [_table(row, parts[row["oid"]]) for row in tables]


def _column(row: dict[str, Any], types: Types, sequences: list[tuple[str, str]]) -> SourceColumn:
    kind = types.of(row.pop("type_oid"))
    facts: dict[str, Any] = {
        "base": kind.base,
        "types": kind.made,
        "obstacle": kind.obstacle,
        "is_enum": kind.kind == "e",
        "type": unqualified(row.pop("type")),
        "sequence": unqualified(row.pop("sequence")),
    }
    return SourceColumn(**row, **facts, default_sequences=tuple(sequences))


def _add_constraint(parts: _Parts, row: dict[str, Any]) -> None:
    columns, name, is_valid = tuple(row["columns"]), row["name"], row["is_valid"]
    if row["type"] == "f":
        sets = tuple(row["set_columns"])
        tail = (row["actions"], row["deferring"])
        targets = tuple(row["target_columns"])
        parts.foreign.append(
            ForeignKey(
                name, columns, row["target"], targets, *tail, is_valid, row["is_enforced"], row["has_period"], sets
            )
        )
        return
    needs = row["needs"] or _version_needs(row)
    parts.constraints.append(Constraint(name, row["type"], columns, row["definition"], is_valid, needs))


def _version_needs(row: dict[str, Any]) -> str:
    """Keys over periods and rules that nobody enforces exist from PostgreSQL 18 on; a target may be 17."""
    if row["has_period"]:
        return "a key WITHOUT OVERLAPS"
    return "" if row["is_enforced"] else "a rule that is NOT ENFORCED"


def _table(row: dict[str, Any], parts: _Parts) -> SourceTable:
    not_null = {column.name for column in parts.columns if column.is_not_null}
    keys = {kind: [c.columns for c in parts.constraints if c.kind == kind] for kind in "pu"}
    return SourceTable(
        **row,
        columns=tuple(parts.columns),
        primary_key=next(iter(keys["p"]), ()),
        unique_keys=tuple(key for key in keys["u"] if not_null.issuperset(key)),
        foreign_keys=tuple(parts.foreign),
        constraints=tuple(parts.constraints),
        indexes=tuple(parts.indexes),
        not_carried=(*parts.not_carried, *(f"inheritance from {parent}" for parent in parts.parents)),
        parents=tuple(parts.parents),
    )


@dataclass(frozen=True)
class TargetObject:
    """An index or constraint of the target with its definition as the server prints it."""

    table: str
    kind: str  # index | foreign_key | unique | check | column, as in the ledger
    name: str
    definition: str


_OBJECTS = """
    SELECT r.relname AS "table", 'index' AS kind, c.relname AS name,
           pg_catalog.pg_get_indexdef(i.indexrelid) AS definition
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      JOIN pg_catalog.pg_class r ON r.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
     WHERE n.nspname = 'public' AND r.relname = ANY(%(tables)s) AND i.indisvalid
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                WHERE k.conindid = i.indexrelid AND k.contype IN ('p','u','x'))
    UNION ALL
    SELECT r.relname, CASE c.contype WHEN 'f' THEN 'foreign_key' WHEN 'c' THEN 'check' ELSE 'unique' END, c.conname,
           pg_catalog.pg_get_constraintdef(c.oid)
      FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
     WHERE n.nspname = 'public' AND r.relname = ANY(%(tables)s) AND c.contype IN ('p', 'u', 'f', 'c', 'x')
     ORDER BY 1, 2, 3"""


def read_objects(connection: Connection, tables: list[str]) -> list[TargetObject]:
    """Return the indexes and constraints of these tables of schema public; an index of a constraint counts as it."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_OBJECTS, {"tables": tables}).fetchall()
    return [TargetObject(**row) for row in rows]


_TARGET_COLUMNS = """
    SELECT r.relname AS "table", 'column' AS kind, a.attname AS name,
           pg_catalog.format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
             || CASE WHEN a.attcollation = t.typcollation THEN ''
                  ELSE coalesce(' COLLATE ' || a.attcollation::regcollation::text, '') END
             || CASE a.attidentity WHEN '' THEN '' ELSE ' IDENTITY ' || a.attidentity::text END
             || CASE a.attgenerated WHEN '' THEN '' ELSE ' GENERATED ' || a.attgenerated::text END
             || coalesce(' DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') AS definition
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE n.nspname = 'public' AND r.relname = ANY(%(tables)s) AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY 1, a.attnum"""


def read_columns(connection: Connection, tables: list[str]) -> list[TargetObject]:
    """Return the columns of these tables of schema public: type, NOT NULL, collation, default, all in one text."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return [TargetObject(**row) for row in cursor.execute(_TARGET_COLUMNS, {"tables": tables}).fetchall()]
