"""One contract, every engine: PGlite of each major, plain PostgreSQL, PostgreSQL with pgvector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from mosaic_admin.errors import MosaicError
from store import catalog
from store.adapters import StoreAdapter, adapter_for
from store.alias import migrate_store, store_alias
from store.ledger import holder_name
from store.models import Task, User
from tests.pglite import GENERATIONS, MakeDirectory
from tests.servers import EmbeddedPostgres, MakeDatabase
from tiers.config import PgliteStorage, PostgresStorage

KINDS = ("pglite-0.2", "pglite-0.4", "pglite-0.5", "postgres", "pgvector")
GATEWAY, MIGRATION = holder_name("gw", host="here"), holder_name("mig", host="here")


def storage_of(kind: str, plain: Any, vector: Any, make_database: Any, make_directory: Any) -> Any:
    if kind.startswith("pglite"):
        return PgliteStorage(make_directory(kind.removeprefix("pglite-")))
    return PostgresStorage(make_database(plain if kind == "postgres" else vector), enable_vector=kind == "pgvector")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def storage(
    kind: str,
    plain_postgres: EmbeddedPostgres,
    postgres: EmbeddedPostgres,
    make_database: MakeDatabase,
    make_directory: MakeDirectory,
) -> Any:
    return storage_of(kind, plain_postgres, postgres, make_database, make_directory)


@pytest.fixture
def adapter(storage: Any) -> Iterator[StoreAdapter]:
    made = adapter_for(storage)
    yield made
    made.close()


def test_it_connects_introspects_and_says_its_version(adapter: StoreAdapter, kind: str) -> None:
    with adapter.opened(GATEWAY):
        with adapter.connect(application_name="contract") as connection:
            connection.execute('CREATE TABLE "Odd name" (id int PRIMARY KEY, "camelCase" text[])')
            assert connection.execute('SELECT count(*) FROM "Odd name"').fetchone() == (0,)
        found = adapter.introspect()
        assert found.version_num == adapter.version()
        assert found.tables["Odd name"] == {"id": "integer", "camelCase": "text[]"}
        assert found.vector == ""
        if kind.startswith("pglite"):
            assert found.version_num // 10_000 == int(GENERATIONS[kind.removeprefix("pglite-")].major)


def test_the_lock_keeps_a_migration_out_while_a_gateway_has_it(storage: Any) -> None:
    first, second = adapter_for(storage), adapter_for(storage)
    held = first.lock("shared", GATEWAY)
    held.acquire()
    held.acquire()
    assert held.is_held()
    assert not held.has_ended()
    with pytest.raises(MosaicError) as caught:
        second.lock("exclusive", MIGRATION).acquire(timeout_s=0.3)
    assert caught.value.exit_code == 75
    assert GATEWAY.removeprefix("mosaic-gw ").split(":")[1] in caught.value.message  # the process
    held.release()
    held.release()
    assert held.has_ended()
    after = second.lock("exclusive", MIGRATION)
    after.acquire()
    assert after.is_held()
    after.release()
    first.close()
    second.close()


def test_the_stores_schema_is_the_same_on_every_engine(adapter: StoreAdapter, django_db_blocker: Any) -> None:
    with adapter.opened(GATEWAY), django_db_blocker.unblock(), store_alias(adapter.address):
        migrate_store()
        migrate_store()
        owner = User.objects.create(email="Ada@example.org")
        Task.objects.create(owner=owner, title="t", labels=["a", 'b"'], metadata={"x": 1})
        assert Task.objects.filter(labels__contains=["a"], metadata__x=1).count() == 1
        assert User.objects.get(email="Ada@example.org").pk == owner.pk
        connections["store"].close()
        found = adapter.introspect()
        wanted = {
            table.name: {c.name: c.type_on(enable_vector=adapter.address.enable_vector) for c in table.columns}
            for table in catalog.BY_NAME.values()
        }
        assert {name: dict(columns) for name, columns in found.tables.items() if name in wanted} == wanted


def test_vectors_are_enabled_on_the_federated_tier_and_refused_elsewhere(adapter: StoreAdapter, kind: str) -> None:
    with adapter.opened(GATEWAY):
        if kind == "pgvector":
            adapter.enable_vector()
            adapter.enable_vector()
            assert adapter.introspect().vector
            return
        with pytest.raises(MosaicError) as caught:
            adapter.enable_vector()
        assert caught.value.code.id == "MOS-STO-008"
        assert adapter.introspect().vector == ""


def test_no_password_is_in_what_an_adapter_shows(adapter: StoreAdapter, storage: Any) -> None:
    with adapter.opened(GATEWAY):
        password = str(getattr(storage, "url", "postgresql://u:none-of-it@h/d")).split(":")[2].split("@")[0]
        assert password not in repr(adapter.address) + adapter.display
