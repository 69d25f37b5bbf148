"""Migrating a store: the extension only where vectors are on, idempotent, also for an owner who is no superuser."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from django.core.management import call_command
from psycopg.conninfo import conninfo_to_dict

from store.alias import NoVectorError, StoreRefusedError, migrate_store, store_alias
from store.models import Insight, Task, User
from tests.integration.store.conftest import MakeStore, Storage, migrate
from tests.servers import EmbeddedPostgres, MakeDatabase


def extensions(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT extname FROM pg_extension")}


def owned_by_a_plain_role(url: str) -> str:
    """Hand the database to a new role without privileges, and return its URL for that role."""
    role = f"owner_{uuid4().hex[:8]}"
    name = conninfo_to_dict(url)["dbname"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw-{role}'")
        connection.execute(f"ALTER DATABASE {name} OWNER TO {role}")
    return urlsplit(url)._replace(netloc=f"{role}:pw-{role}@{urlsplit(url).netloc.rpartition('@')[2]}").geturl()


@pytest.fixture(autouse=True)
def _unblocked(django_db_blocker: object) -> object:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield


def test_vectors_off_touches_no_extension(postgres: EmbeddedPostgres, make_database: MakeDatabase) -> None:
    url = make_database(postgres)
    migrate(url, enable_vector=False)
    assert "vector" not in extensions(url)


def test_vectors_on_enables_the_extension_and_a_second_run_changes_nothing(make_store: MakeStore) -> None:
    url = make_store(enable_vector=True)
    migrate(url, enable_vector=True)
    assert "vector" in extensions(url)


def test_an_owner_without_privileges_migrates_where_the_extension_is(
    postgres: EmbeddedPostgres, make_database: MakeDatabase
) -> None:
    url = owned_by_a_plain_role(make_database(postgres, "vector"))
    migrate(url, enable_vector=True)
    migrate(url, enable_vector=True)


def test_an_owner_without_privileges_is_told_to_ask_a_superuser(
    postgres: EmbeddedPostgres, make_database: MakeDatabase
) -> None:
    url = owned_by_a_plain_role(make_database(postgres))
    with pytest.raises(NoVectorError) as caught:
        migrate(url, enable_vector=True)
    assert "CREATE EXTENSION vector" in caught.value.remediation
    assert "pw-" not in str(caught.value)


def test_a_server_without_the_library_is_told_to_install_it(
    plain_postgres: EmbeddedPostgres, make_database: MakeDatabase
) -> None:
    with pytest.raises(NoVectorError) as caught:
        migrate(make_database(plain_postgres), enable_vector=True)
    assert "Install pgvector" in caught.value.remediation


def test_a_table_that_is_in_the_way_is_a_clear_refusal(
    plain_postgres: EmbeddedPostgres, make_database: MakeDatabase
) -> None:
    url = make_database(plain_postgres)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE tasks (id int)")
    with pytest.raises(StoreRefusedError, match="42P07"):
        migrate(url, enable_vector=False)


@pytest.mark.parametrize("enable_vector", [True, False])
def test_models_write_and_read_embeddings_on_either_tier(make_store: MakeStore, enable_vector: bool) -> None:
    with store_alias(Storage(make_store(enable_vector=enable_vector), enable_vector)):
        owner = User.objects.create(email="Ada@example.org")
        insight = Insight.objects.create(owner=owner, embedding=[1, 0.5, -2], embedding_dim=3)
        task = Task.objects.create(owner=owner, labels=['a,"b'], position="0.123456789012345678901234567890")
        insight.refresh_from_db()
        task.refresh_from_db()
        assert (insight.embedding, task.labels) == ([1.0, 0.5, -2.0], ['a,"b'])
        assert str(task.position) == "0.123456789012345678901234567890"


@pytest.mark.parametrize("enable_vector", [True, False])
def test_no_tier_has_changes_without_a_migration(make_store: MakeStore, enable_vector: bool) -> None:
    with store_alias(Storage(make_store(enable_vector=enable_vector), enable_vector)):
        call_command("makemigrations", "store", check=True, dry_run=True, verbosity=0)


def test_the_alias_never_gets_the_control_planes_tables(make_store: MakeStore) -> None:
    url = make_store(enable_vector=False)
    with psycopg.connect(url) as connection:
        tables = {row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert not {name for name in tables if name.startswith(("auth_", "django_c", "people_", "tiers_", "migration_"))}


def test_the_store_loads_without_any_vector_module() -> None:
    program = (
        "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'mosaic_admin.settings'; "
        "os.environ['MOSAIC_PROCESS'] = 'gateway'; django.setup(); import store.alias, store.ledger, store.catalog; "
        "sys.exit(', '.join({'pgvector', 'store.vector', 'compose'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_migrating_prints_nothing(
    plain_postgres: EmbeddedPostgres, make_database: MakeDatabase, capfd: pytest.CaptureFixture[str]
) -> None:
    with store_alias(Storage(make_database(plain_postgres), False)):
        migrate_store()
    assert capfd.readouterr() == ("", "")
