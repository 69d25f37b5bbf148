"""The nasty sources of `tests/sources`, moved by the engine and judged by a comparator that shares no code with it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from migration.engine import make_plan, verify
from migration.engine.canonical import TABLES
from migration.engine.catalog import read_tables
from migration.engine.model import Decisions, OutcomeState
from tests import sources
from tests.comparator import compare, derive_mapping
from tests.fingerprint import Catalog, catalog_of, compare_catalogs, fingerprint
from tests.integration.engine.support import migrate, prepare_schema, source_at, target_at

Urls = tuple[str, str]


def decisions_for(name: str) -> Decisions:
    values = sources.UNKNOWN_VALUES.get(name, {})
    return Decisions(
        carry_tables=sources.OWN_TABLES,
        carry_columns=(f"tasks.{sources.UNKNOWN_COLUMN[name]}",),
        map_values={f"{t}.{c}:{old}": new for (t, c), words in values.items() for old, new in words.items()},
    )


def own(catalog: Catalog) -> Catalog:
    """The part of a catalog that belongs to the install's own tables."""
    return {key: found for key, found in catalog.items() if any(f"public.{t}" in key[1] for t in sources.OWN_TABLES)}


@pytest.mark.parametrize("name", sources.SOURCES)
def test_a_nasty_source_arrives_equal_in_data_and_catalog(
    urls: Urls, name: str, postgres: Any, make_database: Any
) -> None:
    source, target = urls
    sources.load_source(source, name)
    outcome = migrate(source, target, decisions_for(name), chunk_rows=2)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification

    mapping = derive_mapping(
        source,
        target,
        tables=[*sources.CANONICAL, *sources.OWN_TABLES],
        text_ids=sources.TEXT_ID_TABLES.get(name, ()),
        values=sources.UNKNOWN_VALUES.get(name),
        free=("origin_id", "updated_at", "created_at", "deleted_at"),
    )
    assert compare(source, target, mapping=mapping) == []

    plan = make_plan(source_at(source), target_at(target), decisions_for(name))
    assert verify(plan, source_at(source), target_at(target), mode="exact").is_equal

    plain = make_database(postgres)
    prepare_schema(target_at(plain))
    wanted, found = catalog_of(plain, schema="public"), catalog_of(target, schema="public")
    assert compare_catalogs(wanted, {key: value for key, value in found.items() if key in wanted}) == []
    assert compare_catalogs(own(catalog_of(source, schema="public")), own(found)) == []
    with psycopg.connect(target) as connection:
        tables = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        for table in tables:
            row = connection.execute(f"SELECT string_agg(t::text, '') FROM \"{table}\" t".encode()).fetchone()
            assert row is not None
            assert sources.CANARY not in (row[0] or "")
    assert not set(tables) & set(sources.SKIPPED)


def test_a_dry_run_writes_nothing_on_either_end(urls: Urls, plain_postgres: Any, postgres: Any) -> None:
    source, target = urls
    for server in (plain_postgres, postgres):
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET autovacuum = off")  # it takes transaction ids of its own
            connection.execute("SELECT pg_reload_conf()")
    sources.load_source(source, "mixed")
    before = fingerprint(source), fingerprint(target)
    make_plan(source_at(source), target_at(target), decisions_for("mixed"))
    assert (fingerprint(source), fingerprint(target)) == before


def test_verification_finds_a_changed_a_missing_and_an_extra_row(urls: Urls) -> None:
    source, target = urls
    sources.load_source(source, "snake")
    migrate(source, target, decisions_for("snake"))
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("UPDATE notes SET body = body || ' ' WHERE pinned")
        connection.execute("DELETE FROM insights WHERE content = 'no embedding'")
        connection.execute("INSERT INTO teams (name) VALUES ('extra')")
    plan = make_plan(source_at(source), target_at(target), decisions_for("snake"))
    found = verify(plan, source_at(source), target_at(target))
    assert {t.name: len(t.differing_keys) for t in found.tables if not t.is_equal} == {
        "notes": 1,
        "insights": 1,
        "teams": 1,
    }


def test_verification_finds_a_lost_index(urls: Urls) -> None:
    source, target = urls
    sources.load_source(source, "snake")
    migrate(source, target, decisions_for("snake"))
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("DROP INDEX tasks_newest")
    plan = make_plan(source_at(source), target_at(target), decisions_for("snake"))
    found = verify(plan, source_at(source), target_at(target))
    assert found.catalog_differences == ("missing: index tasks_newest on tasks",)


def test_the_engine_knows_the_schema_that_the_store_creates(postgres: Any, make_database: Any) -> None:
    url = make_database(postgres)
    prepare_schema(target_at(url))
    with psycopg.connect(url) as connection:
        found = {
            table.name: {column.name: (column.type, column.is_not_null) for column in table.columns}
            for table in read_tables(connection)
            if table.name != "django_migrations"
        }
    wanted = {t: {name: (c.type, not c.is_nullable) for name, c in columns.items()} for t, columns in TABLES.items()}
    assert found == wanted
