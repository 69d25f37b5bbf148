"""Real servers for tests: one of each per test process, started when a test first asks for it.

`postgres` (pgvector), `plain_postgres` (no pgvector library), `broken_postgres` (control file without library) and
`valkey` have `.url .host .port .password .stop() .start() .kill()`. Durability is off: tests may kill a server's
process, never the machine. Each xdist worker has servers of its own, so a test may stop one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from compose.embedded import EmbeddedPostgres, EmbeddedValkey, Flavour, site_at
from compose.embedded.ports import free_port
from tests import environment

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}

MakeDatabase = Callable[..., str]


def start_postgres(name: str, flavour: Flavour, *, root: Path | None = None) -> EmbeddedPostgres:
    """Start a fresh cluster on a free port; the caller stops it."""
    folder = root or environment.ROOT
    server = EmbeddedPostgres(
        name=name,
        site=site_at(folder / "pg"),
        port=free_port(),
        password=secrets.token_urlsafe(12),
        log=folder / f"{name}.log",
        flavour=flavour,
        options=FAST,
    )
    server.start()
    return server


def start_valkey(name: str, *, port: int | None = None, password: str | None = None) -> EmbeddedValkey:
    """Start an empty Valkey on a free port; the caller stops it."""
    server = EmbeddedValkey(
        name=name,
        data_dir=environment.ROOT / "valkey" / name,
        port=port or free_port(),
        password=password or secrets.token_urlsafe(12),
        log=environment.ROOT / f"valkey-{name}.log",
    )
    server.start()
    return server


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """PostgreSQL 18 with pgvector available."""
    server = start_postgres("postgres", Flavour.VECTOR)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def plain_postgres() -> Iterator[EmbeddedPostgres]:
    """The same PostgreSQL without the pgvector library."""
    server = start_postgres("plain", Flavour.PLAIN)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def broken_postgres() -> Iterator[EmbeddedPostgres]:
    """The same PostgreSQL where pgvector looks available and its library is gone."""
    server = start_postgres("broken", Flavour.BROKEN)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def valkey() -> Iterator[EmbeddedValkey]:
    server = start_valkey("valkey")
    yield server
    server.kill()


@pytest.fixture(scope="session")
def control_valkey() -> Iterator[EmbeddedValkey]:
    """The broker and cache that the settings of this test process point at."""
    port = int(os.environ["MOSAIC_CONTROL_VALKEY_PORT"])
    server = start_valkey("control", port=port, password=environment.CONTROL_PASSWORD)
    yield server
    server.kill()


@pytest.fixture
def make_database() -> Iterator[MakeDatabase]:
    """Return `make_database(server, *extensions, template="") -> url`: a fresh database, dropped after the test."""
    made: list[tuple[EmbeddedPostgres, str]] = []

    def make(server: EmbeddedPostgres, *extensions: str, template: str = "template1") -> str:
        name = f"test_{secrets.token_hex(6)}"
        _run(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        made.append((server, name))
        for extension in extensions:
            _run(server, sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(extension)), database=name)
        return server.url_for(name)

    yield make
    for server, name in made:
        server.start()  # the test may have stopped it
        _run(server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _run(server: EmbeddedPostgres, statement: sql.Composed, *, database: str = "postgres") -> None:
    with psycopg.connect(server.url_for(database), autocommit=True) as connection:
        connection.execute(statement)
