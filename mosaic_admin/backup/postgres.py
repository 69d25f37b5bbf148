"""The control database on PostgreSQL: one COPY per table out of one snapshot, and back in one transaction.

A restore moves today's tables into a schema of their own, makes the backup's tables beside them with the project's own
schema migrations, fills them, brings them up to date, and commits all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql

from mosaic_admin.backup import codes
from mosaic_admin.backup.archive import Manifest
from mosaic_admin.errors import MosaicError

PREFIX = "mosaic_before_"
COPY = 1 << 16
LOCK_WAIT = "10s"  # a host that was forgotten and still writes ends the restore, not the other way round
DOORS = frozenset({"django_session", "people_failedsignin"})  # see backup.sqlite

COLUMNS = """
SELECT column_name::text FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position
"""
SEQUENCES = """
SELECT a.attname::text, pg_get_serial_sequence(quote_ident(%(table)s), a.attname)
FROM pg_attribute a WHERE a.attrelid = quote_ident(%(table)s)::regclass AND a.attnum > 0 AND NOT a.attisdropped
  AND pg_get_serial_sequence(quote_ident(%(table)s), a.attname) IS NOT NULL
"""


@contextmanager
def _raw() -> Iterator[psycopg.Cursor[Any]]:
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        yield cursor


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, DatabaseError) as exc:
        cause = exc if isinstance(exc, psycopg.Error) else exc.__cause__
        state = getattr(cause, "sqlstate", None)
        raise MosaicError(
            f"PostgreSQL refused{f' (SQLSTATE {state})' if state else ''}; nothing was changed.",
            remediation="Look at the server's log. A restore needs CREATE on the dashboard's database, room for a "
            "second copy of its tables, and nobody who uses them.",
            code=codes.DATABASE,
        ) from exc


def tables() -> list[str]:
    """Return the dashboard's tables that are there."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted({*names, MigrationRecorder.Migration._meta.db_table})


def dump(folder: Path) -> dict[str, Any]:
    """Write one file per table into `folder`, all out of one snapshot; returns table -> columns and sequences.

    Raises:
        MosaicError: MOS-BAK-009.
    """
    with _in_our_words(), transaction.atomic(), _raw() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return {table: _dump_table(cursor, table, folder) for table in tables()}


def _dump_table(cursor: psycopg.Cursor[Any], table: str, folder: Path) -> dict[str, Any]:
    columns = [row[0] for row in cursor.execute(COLUMNS, [table]).fetchall()]
    with (folder / f"{table}.copy").open("xb") as file:
        (folder / f"{table}.copy").chmod(0o600)
        if table not in DOORS:
            with cursor.copy(_copy_statement(table, columns, "TO STDOUT")) as copy:
                for data in copy:
                    file.write(data)
    return {"columns": columns, "sequences": dict(_sequences(cursor, table))}


def _copy_statement(table: str, columns: list[str], direction: str) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) " + direction).format(sql.Identifier(table), names)


def _sequences(cursor: psycopg.Cursor[Any], table: str) -> Iterator[tuple[str, list[Any]]]:
    for column, name in cursor.execute(SEQUENCES, {"table": table}).fetchall():
        schema, _, sequence = name.replace('"', "").rpartition(".")
        state = cursor.execute(
            sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, sequence))
        ).fetchone()
        yield column, list(state or ())


def schema_now() -> dict[str, list[str]]:
    """Return app -> applied schema migrations of this database, in order."""
    found: dict[str, list[str]] = {}
    for row in MigrationRecorder.Migration.objects.using("default").order_by("id"):
        found.setdefault(row.app, []).append(row.name)
    return found


def aside_schema(restore_id: str) -> str:
    return PREFIX + restore_id


def is_done(restore_id: str) -> bool:
    """Say whether this restore's transaction was committed: only then its schema is there."""
    with _raw() as cursor:
        found = cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [aside_schema(restore_id)]).fetchone()
    connection.close()
    return found is not None


def load(folder: Path, manifest: Manifest, restore_id: str, *, on_filled: Callable[[], None]) -> None:
    """Put the backup's rows in the place of today's, in one transaction; `on_filled()` is called before its end.

    Raises:
        MosaicError: MOS-BAK-009, and nothing was changed.
    """
    with _in_our_words(), transaction.atomic(), _raw() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
        _move_aside(cursor, aside_schema(restore_id))
        MigrationExecutor(connection).migrate(_leaves(manifest.schema))
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what waits for the end would forbid ALTER TABLE until then
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        _fill(cursor, folder, manifest)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        call_command("migrate", interactive=False, verbosity=0)
        on_filled()


def _move_aside(cursor: psycopg.Cursor[Any], schema: str) -> None:
    cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    statement = sql.SQL("ALTER TABLE IF EXISTS {} SET SCHEMA {}")  # an empty database has none yet
    for table in tables():
        cursor.execute(statement.format(sql.Identifier(table), sql.Identifier(schema)))


def _leaves(schema: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Every applied migration is a target: which of them are leaves, the executor finds by itself."""
    return [(app, name) for app, names in schema.items() for name in names]


def _fill(cursor: psycopg.Cursor[Any], folder: Path, manifest: Manifest) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, manifest.tables))
    cursor.execute(sql.SQL("TRUNCATE {}").format(names))
    for table, facts in manifest.tables.items():
        statement = _copy_statement(table, facts["columns"], "FROM STDIN")
        with cursor.copy(statement) as copy, (folder / f"{table}.copy").open("rb") as file:
            while data := file.read(COPY):
                copy.write(data)
        for column, (last, is_called) in facts["sequences"].items():
            call = "SELECT setval(pg_get_serial_sequence(quote_ident(%s), %s), %s, %s)"
            cursor.execute(call, [table, column, last, is_called])
