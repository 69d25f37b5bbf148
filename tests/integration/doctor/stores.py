"""Databases that a gateway would serve: the store's tables made once for each server, then copied."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest

from compose.embedded import EmbeddedPostgres
from store.alias import migrate_store, store_alias
from tests.servers import MakeDatabase
from tiers.config import PostgresStorage

MakeStore = Callable[..., str]


@pytest.fixture(scope="session")
def _templates() -> dict[str, str]:
    """The database to copy from, by server."""
    return {}


@pytest.fixture
def make_store(
    make_database: MakeDatabase, _templates: dict[str, str], django_db_blocker: pytest.FixtureRequest
) -> Iterator[MakeStore]:
    """Return `make_store(server, vector=True) -> url`: a database with the store's tables and nothing in them."""
    with ExitStack() as undo:

        def make(server: EmbeddedPostgres, *, vector: bool = True) -> str:
            if server.name not in _templates:
                _templates[server.name] = _prepared(server, vector, django_db_blocker)
            name = f"store_{secrets.token_hex(4)}"
            with psycopg.connect(server.url, autocommit=True) as admin:
                admin.execute(f"CREATE DATABASE {name} TEMPLATE {_templates[server.name]}")
            undo.callback(_drop, server, name)
            return server.url_for(name)

        yield make


def _prepared(server: EmbeddedPostgres, vector: bool, blocker: object) -> str:
    name = f"template_{secrets.token_hex(4)}"
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    with blocker.unblock(), store_alias(PostgresStorage(server.url_for(name), enable_vector=vector)):  # type: ignore[attr-defined]
        migrate_store()
    return name


def _drop(server: EmbeddedPostgres, name: str) -> None:
    server.start()  # the test may have stopped it
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
