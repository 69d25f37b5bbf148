"""What beside rows a source has and a target must take: named in the plan where it stays behind or is in the way."""

from __future__ import annotations

import psycopg

from migration import codes
from migration.engine.catalog import Connection, SourceTable
from migration.engine.model import CheckResult, CheckStatus, TablePlan
from migration.engine.tables import Findings

SHOWN = 8  # names in one sentence
# What no table brings along; what belongs to an extension is the extension's.
_OBJECTS = """
    SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE 'foreign table ' END
           || c.oid::regclass::text
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('v', 'm', 'f') AND {user_schema}
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
           AND d.deptype = 'e')
    UNION ALL
    SELECT 'function ' || p.oid::regproc::text FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
     WHERE {user_schema} AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
           WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    ORDER BY 1""".format(
    user_schema="n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'"
)
_TAKEN = """
    SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence '
             WHEN 'i' THEN 'index ' ELSE 'relation ' END || c.relname
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind <> 'r' AND c.relname = ANY(%(relations)s)
    UNION ALL
    SELECT 'type ' || t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
     WHERE n.nspname = 'public' AND t.typname = ANY(%(types)s) AND t.typtype IN ('e', 'd', 'r', 'm', 'b')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
    ORDER BY 1"""


def left_out(connection: Connection, copied: list[tuple[TablePlan, SourceTable]]) -> list[CheckResult]:
    """Say what is not carried: tables that become plain ones, and what is no table at all."""
    return [*_shapes(copied), *_others(connection)]


# What would see or change each row that arrives: code of somebody's that runs as our role, and that no checksum shows.
_ATTACHED = """
    SELECT 'trigger ' || t.tgname::text || ' on ' || c.relname::text FROM pg_catalog.pg_trigger t
      JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND NOT t.tgisinternal
    UNION ALL SELECT 'rule ' || r.rulename::text || ' on ' || c.relname::text FROM pg_catalog.pg_rewrite r
      JOIN pg_catalog.pg_class c ON c.oid = r.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
    UNION ALL SELECT 'policy ' || p.polname::text || ' on ' || c.relname::text FROM pg_catalog.pg_policy p
      JOIN pg_catalog.pg_class c ON c.oid = p.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public'
    ORDER BY 1"""


def attached(there: Connection) -> list[CheckResult]:
    """Refuse a target whose tables have triggers, rules or policies: the store's own have none."""
    found = [what for (what,) in there.execute(_ATTACHED).fetchall()]
    if not found:
        return []
    text = f"the target's tables have a {', a '.join(found[:SHOWN])}"
    fix = "Choose an empty database as the target, or drop what is named yourself and create it after the cutover."
    return [CheckResult(codes.TARGET_NOT_EMPTY.id, "code on the target's tables", CheckStatus.FAIL, text, fix)]


def _others(connection: Connection) -> list[CheckResult]:
    found = [name.replace(" public.", " ", 1) for (name,) in connection.execute(_OBJECTS).fetchall()]
    row = connection.execute("SELECT count(*) FROM pg_catalog.pg_largeobject_metadata").fetchone()
    if row and row[0]:
        found.insert(0, f"{row[0]} large objects")
    if not found:
        return []
    shown = ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
    fix = "Nothing to do where no program uses them; else create them in the target after the cutover (pg_dump -s)."
    return [CheckResult(codes.NOT_CARRIED.id, "views and functions", CheckStatus.WARN, f"not carried: {shown}", fix)]


def taken_names(connection: Connection, plans: list[TablePlan]) -> list[CheckResult]:
    """Refuse a target where something else has the name of what the plan creates there."""
    statements = [statement for plan in plans for statement in plan.ddl if statement.startswith("CREATE ")]
    made = [made_by(statement) for statement in statements]
    relations = [name for kind, name in made if kind in ("TABLE", "SEQUENCE")]
    relations += [name for plan in plans for kind, name, _ in plan.late_ddl if kind in ("index", "unique")]
    names = {"relations": relations, "types": [name for kind, name in made if kind in ("TYPE", "DOMAIN")]}
    found = [name for (name,) in connection.execute(_TAKEN, names).fetchall()]
    if not found:
        return []
    text = f"the target has a {', a '.join(found[:SHOWN])}, and so has the source's own table"
    fix = "Choose an empty database as the target, or drop what is named yourself: a migration never does."
    return [CheckResult(codes.TARGET_NOT_EMPTY.id, "names in the target", CheckStatus.FAIL, text, fix)]


def made_by(statement: str) -> tuple[str, str]:
    """Return what a CREATE statement of ours makes: (`DOMAIN`, its name)."""
    _, kind, rest = statement.split(" ", 2)
    return kind, _name(rest)


def _name(rest: str) -> str:
    """Return the name that a statement goes on with: `public."a b" (…` → `a b`."""
    rest = rest.removeprefix("public.")
    if not rest.startswith('"'):
        return rest.split(" ", 1)[0]
    end = 1
    while rest[end] != '"' or rest[end : end + 2] == '""':
        end += 2 if rest[end : end + 2] == '""' else 1
    return rest[1:end].replace('""', '"')


def refuse_xml(there: Connection, copied: list[tuple[TablePlan, SourceTable]], findings: Findings) -> None:
    """PostgreSQL may be built without XML; only using it tells."""
    columns = [(t, c) for p, t in copied for c in p.columns if c.target_type in ("xml", "xml[]")]
    try:
        with there.transaction():
            there.execute("SELECT '<a/>'::xml") if columns else None
    except psycopg.errors.FeatureNotSupported:
        for table, column in columns:
            findings.fail(
                codes.TYPE,
                f"type of {table.label}.{column.source}",
                f"{table.label}.{column.source} has type {column.source_type}, and the target was built without XML.",
                "Use a target whose server has XML, or leave the column behind: "
                f"--drop-column {table.label}.{column.source}",
            )


def _shapes(copied: list[tuple[TablePlan, SourceTable]]) -> list[CheckResult]:
    """Say which tables arrive as plain ones: a query over a parent finds less afterwards."""
    found = [f"{table.label} is partitioned" for _, table in copied if table.kind == "p"]
    found += [f"{table.label} inherits from {' and '.join(table.parents)}" for _, table in copied if table.parents]
    if not found:
        return []
    fix = (
        "Nothing to do where no program reads a parent table to see its children's rows; else let it read each table, "
        "or create the partitions or the inheritance in the target after the cutover."
    )
    text = f"{'; '.join(found)}: each arrives as a plain table with its own rows"
    return [CheckResult(codes.NOT_CARRIED.id, "partitions and inheritance", CheckStatus.WARN, text, fix)]
