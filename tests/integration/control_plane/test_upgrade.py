"""The dashboard's database of an earlier version, brought to today's tables on both engines, with data and pages."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from compose.embedded import EmbeddedPostgres
from tests.previous.make import PASSWORD
from tests.program import ROOT
from tests.servers import MakeDatabase

PREVIOUS = ROOT / "tests" / "previous" / "control.sql"
KEPT = ("people_user", "people_apitoken", "tiers_tierconfig", "tiers_tierconfigrevision", "migration_migrationjob")
PAGES = (
    "/",
    "/doctor/",
    "/migrations/",
    "/migrations/1/",
    "/migrations/2/",
    "/tiers/",
    "/people/",
    "/audit/",
    "/stack/",
)
TO_THEN = """
import json, sys, django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
MigrationExecutor(connection).migrate([tuple(item) for item in json.load(sys.stdin)])
"""
LOOK = """
import json, sys, django
django.setup()
from django.test import Client
client = Client(HTTP_HOST="localhost")
signed = client.login(username="admin", password=sys.argv[1])
print(json.dumps([signed, *(client.get(page).status_code for page in sys.argv[2:])]))
"""


def run(environment: dict[str, str], *words: str, text: str = "") -> str:
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment_of(home: Path, database_url: str = "") -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOSAIC_", "DATABASE_URL"))}
    own = {"MOSAIC_HOME": str(home), "MOSAIC_CONFIG": str(home / "mosaic.config.json")}
    engine = {"DATABASE_URL": database_url} if database_url else {}
    return {**kept, **own, **engine, "DJANGO_SETTINGS_MODULE": "mosaic_admin.settings"}


@pytest.fixture
def then(tmp_path: Path) -> Path:
    """The file as the earlier version left it."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with closing(sqlite3.connect(home / "control.sqlite3")) as database:
        database.executescript(PREVIOUS.read_text())
    return home


def rows_of(path: Path, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(path)) as database:
        cursor = database.execute(f"SELECT * FROM {table} ORDER BY 1")
        return [item[0] for item in cursor.description], cursor.fetchall()


def on_postgres(home: Path, url: str) -> dict[str, str]:
    """Make the earlier version's tables on PostgreSQL with its schema migrations, and fill them with its rows."""
    environment = environment_of(home, url)
    applied = rows_of(home / "control.sqlite3", "django_migrations")[1]
    run(environment, "-c", TO_THEN, text=json.dumps([[app, name] for _, app, name, _ in applied]))
    with psycopg.connect(url) as connection:
        connection.execute("SET CONSTRAINTS ALL DEFERRED")
        names = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
        for (table,) in connection.execute(names).fetchall():
            if table != "django_migrations":
                fill(connection, table, *rows_of(home / "control.sqlite3", table))
    return environment


def fill(connection: psycopg.Connection[Any], table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    kinds = dict(
        connection.execute(
            "SELECT column_name::text, data_type::text FROM information_schema.columns WHERE table_name = %s", [table]
        ).fetchall()
    )
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    marks = sql.SQL(", ").join(sql.Placeholder() * len(columns))
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, marks)
    for row in rows:
        connection.execute(statement, [as_kind(kinds[name], value) for name, value in zip(columns, row, strict=True)])
    if kinds.get("id") in ("bigint", "integer") and rows:
        last = "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)"
        connection.execute(last, [table, max(row[columns.index("id")] for row in rows)])


def as_kind(kind: str, value: object) -> object:
    if value is None:
        return None
    if kind == "boolean":
        return bool(value)
    if kind == "jsonb":
        return Jsonb(json.loads(str(value)))
    return f"{value}+00" if kind.startswith("timestamp") else value


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_an_earlier_version_s_data_is_there_after_the_upgrade(
    engine: str, then: Path, plain_postgres: EmbeddedPostgres, make_database: MakeDatabase
) -> None:
    before = {table: rows_of(then / "control.sqlite3", table) for table in KEPT}
    assert all(rows for _, rows in before.values())
    url = make_database(plain_postgres) if engine == "postgresql" else ""
    environment = on_postgres(then, url) if url else environment_of(then)
    run(environment, "-m", "django", "migrate", "--verbosity", "0")
    run(environment, "-m", "django", "migrate", "--check")

    for table, (_, rows) in before.items():
        assert count(then, url, table) == len(rows), table
    assert json.loads(run(environment, "-c", LOOK, PASSWORD, *PAGES)) == [True, *[200] * len(PAGES)]
    listed = run(environment, "-m", "mosaic_admin", "storage", "status", "2", "--json")
    assert json.loads(listed)["state"] == "verified"
    run(environment, "-m", "mosaic_admin", "users", "create", "later", "--role", "support")


def count(home: Path, url: str, table: str) -> int:
    if url:
        with psycopg.connect(url) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # type: ignore[index]
    return len(rows_of(home / "control.sqlite3", table)[1])


def test_the_earlier_version_s_database_holds_nothing_that_opens_a_door() -> None:
    text = PREVIOUS.read_text()
    assert PREVIOUS.stat().st_size < 200_000
    assert 'INSERT INTO "django_session"' not in text
    assert not re.search(r"/(root|tmp|work)/", text)
