"""What the federated store gained since a cutover: what a rollback leaves behind. Reads only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from tiers.config import PostgresStorage
from tiers.postgres import connect, driver_errors

TIMEOUT_S = 30.0  # per table; a count of millions of rows takes seconds
SAMPLES = 3
LABELS = ("title", "name", "display_name", "email", "content", "body")  # the first that a table has names its rows
LABEL_LENGTH = 60

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class GainedTable:
    """`has_times` says whether the table tells when a row was made; without, only the numbers can be compared."""

    name: str
    rows_then: int
    rows_now: int
    added: int
    changed: int
    has_times: bool
    samples: tuple[dict[str, str], ...] = ()  # id, label, at: newest first

    @property
    def is_touched(self) -> bool:
        return bool(self.added or self.changed or self.rows_now != self.rows_then)


@dataclass(frozen=True)
class Gained:
    tables: tuple[GainedTable, ...]

    @property
    def touched(self) -> list[GainedTable]:
        return [table for table in self.tables if table.is_touched]

    @property
    def rows(self) -> int:
        return sum(table.added + table.changed for table in self.tables)

    @property
    def sentence(self) -> str:
        if not self.touched:
            return "The federated store gained nothing since the cutover."
        names = ", ".join(f"{table.name} ({_count(table)})" for table in self.touched)
        return f"Since the cutover the federated store gained: {names}. It stays there."

    def as_dict(self) -> dict[str, Any]:
        """Counts only: the samples are for the person who decides, not for the history."""
        return {"tables": [{k: v for k, v in asdict(t).items() if k != "samples"} for t in self.tables]}


def _count(table: GainedTable) -> str:
    parts = [f"{table.added:,} new"] if table.added else []
    parts += [f"{table.changed:,} changed"] if table.changed else []
    lost = table.rows_then + table.added - table.rows_now
    return ", ".join([*parts, *([f"{lost:,} gone"] if lost > 0 else [])]) or "changed"


def read_gained(storage: PostgresStorage, *, since: datetime, rows_then: dict[str, int]) -> Gained:
    """Compare every table of the store with the verified counts and with the moment of the cutover.

    `rows_then` are the verified numbers by table; one that came later counts from zero. Raises a ServiceError.
    """
    options = f"-c statement_timeout={int(TIMEOUT_S * 1000)} -c default_transaction_read_only=on"
    with (
        driver_errors(storage.display, timeout_s=TIMEOUT_S),
        connect(storage.url, application_name="mosaic rollback", options=options) as connection,
    ):
        columns = _columns(connection)
        return Gained(
            tuple(_table(connection, name, columns[name], since, rows_then.get(name, 0)) for name in sorted(columns))
        )


def _columns(connection: Connection) -> dict[str, set[str]]:
    rows = connection.execute(
        """SELECT c.relname, array_agg(a.attname::text) FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
              AND c.relname <> 'django_migrations' GROUP BY 1"""
    ).fetchall()
    return {name: set(columns) for name, columns in rows}


def _table(connection: Connection, name: str, columns: set[str], since: datetime, then: int) -> GainedTable:
    table = sql.Identifier("public", name)
    if not {"created_at", "updated_at"} <= columns:
        now = _one(connection, sql.SQL("SELECT count(*) FROM {}").format(table))[0]
        return GainedTable(name, then, now, max(0, now - then), 0, has_times=False)
    now, added, changed = _one(
        connection,
        sql.SQL(
            "SELECT count(*), count(*) FILTER (WHERE created_at >= %(at)s),"
            " count(*) FILTER (WHERE created_at < %(at)s AND greatest(updated_at, deleted_at) >= %(at)s) FROM {}"
            if "deleted_at" in columns
            else "SELECT count(*), count(*) FILTER (WHERE created_at >= %(at)s),"
            " count(*) FILTER (WHERE created_at < %(at)s AND updated_at >= %(at)s) FROM {}"
        ).format(table),
        {"at": since},
    )
    samples = _samples(connection, table, columns, since) if added or changed else ()
    return GainedTable(name, then, now, added, changed, has_times=True, samples=samples)


def _one(connection: Connection, query: sql.Composed, values: dict[str, Any] | None = None) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(query, values).fetchone()
    assert row is not None
    return row


def _samples(
    connection: Connection, table: sql.Identifier, columns: set[str], since: datetime
) -> tuple[dict[str, str], ...]:
    label = next((name for name in LABELS if name in columns), None)
    shown = sql.Identifier(label) if label else sql.SQL("''")
    key = sql.SQL("id::text") if "id" in columns else sql.SQL("''")
    rows = connection.execute(
        sql.SQL(
            "SELECT {}, left({}::text, {}), greatest(created_at, updated_at) FROM {}"
            " WHERE greatest(created_at, updated_at) >= %s ORDER BY 3 DESC LIMIT {}"
        ).format(key, shown, sql.Literal(LABEL_LENGTH), table, sql.Literal(SAMPLES)),
        (since,),
    ).fetchall()
    return tuple({"id": key, "label": label or "", "at": at.isoformat(timespec="seconds")} for key, label, at in rows)
