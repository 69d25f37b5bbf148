"""The sample data on a real server."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from mosaic_admin.cli import mosaic
from store.seed import NotEmptyError, plan_rows, seed
from tests.fingerprint import catalog_of, fingerprint
from tests.integration.store.conftest import MakeStore
from tests.servers import EmbeddedPostgres, MakeDatabase

ROWS = 3000


def test_the_same_seed_gives_the_same_rows_and_another_gives_others(make_store: MakeStore) -> None:
    urls = [make_store(enable_vector=False) for _ in range(3)]
    for url, number in zip(urls, (7, 7, 8), strict=True):
        seed(url, rows=ROWS, seed=number)
    first, again, other = ({k: v for k, v in fingerprint(url).data.items() if "django" not in k} for url in urls)
    assert first == again
    assert first["public.tasks"] != other["public.tasks"]
    counts = {name: rows for name, (rows, _) in first.items() if not name.endswith("_seq")}
    assert counts == {f"public.{table}": rows for table, rows in plan_rows(ROWS).items()}


def test_progress_ends_at_the_whole(make_store: MakeStore) -> None:
    steps: list[tuple[int, int]] = []
    seed(
        make_store(enable_vector=False),
        rows=100,
        seed=1,
        on_progress=lambda done, total, table: steps.append((done, total)),
    )
    assert steps == sorted(steps)
    assert steps[-1] == (100, 100)


def test_seeding_leaves_every_key_and_index_of_the_schema_as_it_was(make_store: MakeStore) -> None:
    url = make_store(enable_vector=False)
    before = catalog_of(url)
    seed(url, rows=200, seed=1)
    after = catalog_of(url)
    assert {name: after.get(name) for name in before} == before
    assert ("index", "public.agents_owner") in after
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute("INSERT INTO preferences (user_id, settings) VALUES (gen_random_uuid(), '{}')")


def test_a_seed_that_stops_on_the_way_leaves_a_store_that_can_be_seeded(make_store: MakeStore) -> None:
    url = make_store(enable_vector=False)
    before = fingerprint(url).data, catalog_of(url)

    def stop(done: int, total: int, table: str) -> None:
        if table == "notes":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seed(url, rows=200, seed=1, on_progress=stop)
    assert (fingerprint(url).data, catalog_of(url)) == before
    seed(url, rows=200, seed=1)


def test_a_store_with_rows_is_refused_and_stays_as_it_was(make_store: MakeStore) -> None:
    url = make_store(enable_vector=False)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO users (email) VALUES ('somebody@example.org')")
    before = fingerprint(url).data
    with pytest.raises(NotEmptyError, match="users has rows") as caught:
        seed(url, rows=100, seed=1)
    assert "createdb" in caught.value.remediation
    assert fingerprint(url).data == before


def test_the_camel_style_renames_columns_and_nothing_else(make_store: MakeStore) -> None:
    url = make_store(enable_vector=False)
    seed(url, rows=200, seed=1, style="camel")
    names = {name for kind, name in catalog_of(url) if kind == "column" and "django" not in name}
    assert 'public.tasks."parentTaskId"' in names
    assert not [name for name in names if "_" in name.rsplit(".", 1)[1]]


def test_the_command_makes_schema_and_rows(
    plain_postgres: EmbeddedPostgres, make_database: MakeDatabase, django_db_blocker: object
) -> None:
    url = make_database(plain_postgres)
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        result = CliRunner().invoke(
            mosaic, ["store", "seed", "--url", url, "--rows", "100", "--json"], catch_exceptions=False
        )
    assert json.loads(result.stdout)["tables"] == plan_rows(100)
    assert plain_postgres.password not in result.output


def test_the_command_takes_the_database_from_a_standalone_configuration_only(tmp_path: Path) -> None:
    storage = {"type": "postgres", "url": "postgresql://u:pw-of-nobody@127.0.0.1:1/x", "enableVector": True}
    queue = {"type": "bullmq", "url": "redis://127.0.0.1:1/0"}
    document = {"version": 1, "tier": "federated", "storage": storage, "queue": queue, "memory": {"type": "pgvector"}}
    (tmp_path / "c.json").write_text(json.dumps(document))
    result = CliRunner().invoke(mosaic, ["store", "seed", "--config", str(tmp_path / "c.json")])
    assert result.exit_code == 2
    assert "standalone tier" in result.output
    assert "pw-of-nobody" not in result.output


def test_the_command_makes_no_schema_in_a_database_of_others(
    plain_postgres: EmbeddedPostgres, make_database: MakeDatabase
) -> None:
    url = make_database(plain_postgres)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE wordpress_posts (id int)")
    result = CliRunner().invoke(mosaic, ["store", "seed", "--url", url])
    assert isinstance(result.exception, NotEmptyError)
    assert {name for kind, name in catalog_of(url) if kind == "table"} == {"public.wordpress_posts"}
