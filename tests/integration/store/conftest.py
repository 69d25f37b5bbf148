"""A migrated store of either kind, each in a fresh database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest

from store.alias import migrate_store, store_alias
from tests.servers import EmbeddedPostgres, MakeDatabase


@dataclass(frozen=True)
class Storage:
    url: str
    enable_vector: bool


MakeStore = Callable[..., str]


def migrate(url: str, *, enable_vector: bool) -> None:
    """Bring the schema of one database up to date, and let go of it."""
    with store_alias(Storage(url, enable_vector)):
        migrate_store()


@pytest.fixture
def make_store(
    postgres: EmbeddedPostgres, plain_postgres: EmbeddedPostgres, make_database: MakeDatabase, django_db_blocker: object
) -> MakeStore:
    """Return `make_store(enable_vector=…) -> url`: federated on the pgvector server, else on the plain one."""

    def make(*, enable_vector: bool) -> str:
        url = make_database(postgres if enable_vector else plain_postgres)
        with django_db_blocker.unblock():  # type: ignore[attr-defined]
            migrate(url, enable_vector=enable_vector)
        return url

    return make


@pytest.fixture
def connect() -> Callable[[str], psycopg.Connection]:
    return lambda url: psycopg.connect(url, autocommit=True)
