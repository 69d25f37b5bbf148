"""The engine's tests use databases of their own, never the control plane's."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.integration.engine.crew import crew as crew
from tests.integration.engine.support import make_snake

ROWS = 2_000


@pytest.fixture(autouse=True)
def _store_alias_may_connect(django_db_blocker: Any) -> Iterator[None]:
    """The store's schema is created through Django, outside any test database."""
    with django_db_blocker.unblock():
        yield


def on_server(server: Any, statement: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture(scope="session")
def snake_template(plain_postgres: Any, django_db_blocker: Any) -> Iterator[str]:
    """A standalone store of 2,000 tasks and their company, made once: cloning it takes a tenth of the time."""
    name = f"snake_{secrets.token_hex(4)}"
    on_server(plain_postgres, f"CREATE DATABASE {name}")
    with django_db_blocker.unblock():
        make_snake(plain_postgres.url_for(name), ROWS)
    yield name
    plain_postgres.start()
    on_server(plain_postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def snake_url(plain_postgres: Any, snake_template: str) -> Iterator[str]:
    name = f"clone_{secrets.token_hex(4)}"
    on_server(plain_postgres, f"CREATE DATABASE {name} TEMPLATE {snake_template}")
    yield plain_postgres.url_for(name)
    on_server(plain_postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def urls(plain_postgres: Any, postgres: Any, make_database: Any) -> tuple[str, str]:
    """Two empty databases: a source without pgvector, and a target. A file with another source has its own."""
    return make_database(plain_postgres), make_database(postgres)
