"""An install on either engine, driven by its commands as an operator would."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from compose.embedded import EmbeddedPostgres
from tests.servers import MakeDatabase

ROOT = Path(__file__).resolve().parents[3]
POSTGRESQL_TEMPLATE = "backup_template"


@dataclass
class Install:
    folder: Path
    database_url: str = ""
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOSAIC_", "DATABASE_URL"))}
        own = {"MOSAIC_HOME": str(self.home), "MOSAIC_CONFIG": str(self.folder / "mosaic.config.json")}
        engine = {"DATABASE_URL": self.database_url} if self.database_url else {}
        return {**kept, **own, **engine, **self.settings, "DJANGO_SETTINGS_MODULE": "mosaic_admin.settings"}

    def run(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, input=text, capture_output=True, text=True, check=False
        )

    def mosaic(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "mosaic_admin", *words)

    def ok(self, *words: str) -> str:
        done = self.mosaic(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def refused(self, *words: str) -> str:
        """Return the code that a command was refused with."""
        done = self.mosaic(*words)
        assert done.returncode not in (0, 70), f"{words}: {done.stdout}{done.stderr}"
        return done.stderr.split(" ", 1)[0]

    def query(self, statement: str, schema: str = "", path: Path | None = None) -> list[str]:
        """Return the first column, asked without Mosaic Admin: it is quick, and no witness in its own case."""
        if self.database_url:
            with psycopg.connect(self.database_url, options=f"-c search_path={schema or 'public'}") as connection:
                cursor = connection.execute(statement)
                return [row[0] for row in cursor.fetchall()] if cursor.description else []
        with closing(sqlite3.connect(path or self.home / "control.sqlite3")) as database, database:
            return [row[0] for row in database.execute(statement).fetchall()]

    def people(self) -> set[str]:
        return set(self.query("SELECT username FROM people_user"))

    def add_bob(self) -> None:
        """Add a person behind Mosaic Admin's back."""
        columns = "password, email, display_name, role, is_active, created_at"
        ada = f"SELECT 'bob', {columns} FROM people_user WHERE username = 'ada'"
        self.query(f"INSERT INTO people_user (username, {columns}) {ada}")

    def prepare(self) -> None:
        """Make its tables, its configuration and the admin Ada."""
        self.folder.mkdir(exist_ok=True)
        done = self.run("-m", "django", "migrate", "--verbosity", "0")
        assert done.returncode == 0, done.stderr
        (self.folder / "mosaic.config.json").write_text('{"version": 1, "tier": "local"}\n')
        self.ok("users", "create", "ada", "--role", "admin")

    def copy(self, folder: Path, database_url: str = "") -> Install:
        shutil.copytree(self.folder, folder)
        return Install(folder, database_url)

    def drop(self) -> None:
        """Lose everything, as a broken disk does."""
        if self.database_url:
            with psycopg.connect(self.database_url, autocommit=True) as connection:
                connection.execute("DROP SCHEMA public CASCADE")
                connection.execute("CREATE SCHEMA public")


@pytest.fixture(params=["sqlite", "postgresql"])
def install(request: pytest.FixtureRequest, tmp_path: Path) -> Install:
    if request.param == "sqlite":
        found: Install = request.getfixturevalue("sqlite_install")
        return found
    template: Install = request.getfixturevalue("postgresql_template")
    make: MakeDatabase = request.getfixturevalue("make_database")
    server: EmbeddedPostgres = request.getfixturevalue("plain_postgres")
    return template.copy(tmp_path / "install", make(server, template=POSTGRESQL_TEMPLATE))


@pytest.fixture
def sqlite_install(sqlite_template: Install, tmp_path: Path) -> Install:
    return sqlite_template.copy(tmp_path / "install")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Install:
    made = Install(tmp_path_factory.mktemp("sqlite") / "install")
    made.prepare()
    return made


@pytest.fixture(scope="session")
def postgresql_template(plain_postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Install:
    with psycopg.connect(plain_postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {POSTGRESQL_TEMPLATE}")
    made = Install(tmp_path_factory.mktemp("postgresql") / "install", plain_postgres.url_for(POSTGRESQL_TEMPLATE))
    made.prepare()
    return made
