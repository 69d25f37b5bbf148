"""Sample data: fill an empty standalone store with a believable install. The same call gives the same rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import psycopg
from psycopg import sql

from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import display_url
from store import codes
from store.catalog import BOOKKEEPING, TABLES
from store.seed_keys import keys_deferred
from store.seed_sql import EXTRA_TABLES, FILLS, FUNCTIONS, Fill
from store.seed_text import WORDS
from tiers.postgres import connect, driver_errors

Style = Literal["snake", "camel"]
Progress = Callable[[int, int, str], None]  # rows done, rows in all, table
Connection = psycopg.Connection[Any]

BATCH_ROWS = 25_000  # a step of the progress
LEAST_ROWS = 50  # below this the shares leave tables empty
DRIZZLE_ROWS = 3

_TABLES = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1, 2
"""


class NotEmptyError(MosaicError):
    """The store has rows, or tables that the sample data would create."""

    code = codes.NOT_EMPTY


def seed(
    url: str, *, rows: int, seed: int, style: Style = "snake", on_progress: Progress | None = None
) -> dict[str, int]:
    """Fill an empty store that has its schema with `rows` rows over all tables; return the rows of each table.

    Raises:
        NotEmptyError: some table has rows. Nothing was written.
    """
    counts = plan_rows(rows)
    with connect(url, application_name="mosaic store seed") as connection, driver_errors(display_url(url)):
        _refuse_if_used(connection, display_url(url))
        _refuse_without_schema(connection, display_url(url))
        report = on_progress or (lambda done, total, table: None)
        with connection.transaction():  # a seed that is stopped leaves an empty store, ready for the next one
            connection.execute(EXTRA_TABLES)
            connection.execute(sql.SQL(FUNCTIONS).format(seed=sql.Literal(seed)))
            with keys_deferred(connection):
                _fill(connection, counts, seed, report)
            if style == "camel":
                _rename_to_camel(connection)
        _analyze(connection)
    report(rows, rows, "keys and indexes too")
    return counts


def plan_rows(rows: int) -> dict[str, int]:
    """Return table → rows; the sum is exactly `rows`, messages take what the shares leave.

    Raises:
        ValueError: too few rows to fill every table.
    """
    if rows < LEAST_ROWS:
        raise ValueError(f"{rows} rows do not fill every table: {LEAST_ROWS} is the least.")
    counts = {fill.table: max(1, rows * fill.share // 1000) for fill in FILLS}
    counts["__drizzle_migrations"] = DRIZZLE_ROWS
    counts["messages"] = 0
    counts["messages"] = rows - sum(counts.values())
    return counts


def refuse_unless_fresh(url: str) -> None:
    """Refuse a database with rows before even the schema is made in it; see `seed`."""
    with connect(url, application_name="mosaic store seed") as connection, driver_errors(display_url(url)):
        _refuse_if_used(connection, display_url(url))


def _refuse_if_used(connection: Connection, where: str) -> None:
    own = {table.name for table in TABLES} | BOOKKEEPING
    tables = connection.execute(_TABLES).fetchall()
    filled = [name for schema, name in tables if name not in BOOKKEEPING and _has_rows(connection, schema, name)]
    strange = [name for _, name in tables if name not in own]
    if filled or strange:
        what = f"{', '.join(filled)} has rows" if filled else f"{', '.join(strange)} is there"
        raise NotEmptyError(
            f"The store {where} is not empty: {what}.",
            remediation="Create a new database (`createdb NAME`) and run `mosaic store seed --url …` on that.",
            tables=filled or strange,
        )


def _refuse_without_schema(connection: Connection, where: str) -> None:
    missing = {table.name for table in TABLES} - {name for _, name in connection.execute(_TABLES)}
    if missing:
        raise NotEmptyError(
            f"The store {where} lacks the tables {', '.join(sorted(missing))}.",
            remediation="Run `mosaic store seed`, which creates them first.",
            tables=sorted(missing),
        )


def _has_rows(connection: Connection, schema: str, table: str) -> bool:
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(schema, table))
    return bool((connection.execute(query).fetchone() or (False,))[0])


def _fill(connection: Connection, counts: dict[str, int], seed: int, on_progress: Progress) -> None:
    total, done = sum(counts.values()), 0
    values: dict[str, Any] = {f"n_{table}": rows for table, rows in counts.items()}
    # rounded up: every message has a conversation
    values["per_conversation"] = -(-counts["messages"] // counts["conversations"])
    values |= {"seed": seed, **WORDS}
    for fill in FILLS:
        for lo in range(0, counts[fill.table], BATCH_ROWS):
            hi = min(lo + BATCH_ROWS, counts[fill.table]) - 1
            on_progress(done, total, fill.table)
            _insert(connection, fill, {**values, "lo": lo, "hi": hi})
            done += hi - lo + 1


def _analyze(connection: Connection) -> None:
    """Give the planner its statistics; from a tenth of the usual sample, for a tenth of the time."""
    connection.execute("SET default_statistics_target = 10")
    connection.execute("ANALYZE")


def _insert(connection: Connection, fill: Fill, values: dict[str, Any]) -> None:
    # the client's binding: constants let the server choose one plan and fold the word lists into it
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(fill.statement.encode(), values)


def camel(name: str) -> str:
    """Return the camelCase form of a snake_case name: `team_id` → `teamId`."""
    return re.sub(r"(?<=[a-z0-9])_([a-z0-9])", lambda match: match[1].upper(), name)


def _rename_to_camel(connection: Connection) -> None:
    """Give every column the name that older installs have: camelCase, quoted."""
    query = """
    SELECT table_name, column_name FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name LIKE %s AND table_name <> ALL (%s) ORDER BY 1, 2
    """
    columns = connection.execute(query, (r"%\_%", sorted(BOOKKEEPING))).fetchall()
    with connection.transaction():
        for table, column in columns:
            statement = sql.SQL("ALTER TABLE {} RENAME COLUMN {} TO {}")
            connection.execute(
                statement.format(sql.Identifier(table), sql.Identifier(column), sql.Identifier(camel(column)))
            )
