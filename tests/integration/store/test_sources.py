"""The nasty sources fit the store, and the comparator sees every way in which a copy can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from tests import comparator, sources
from tests.comparator import Difference, Mapping, TableMap, compare, derive_mapping
from tests.fingerprint import catalog_of, compare_catalogs, fingerprint
from tests.integration.store.conftest import MakeStore
from tests.servers import EmbeddedPostgres, MakeDatabase

Break = Callable[[psycopg.Connection], object]


def naive_copy(source_url: str, target_url: str, mapping: Mapping) -> None:
    """Carry the mapped rows one by one as texts: slow, simple, and not the product's way."""
    with comparator.open_reader(source_url) as source, psycopg.connect(target_url) as target:
        target.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in mapping.tables:
            columns = [name for name in table.names if name not in table.constants]
            types = comparator.column_types(target, table.target)
            statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(table.target),
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.SQL(", ").join(sql.SQL(f"%s::text::{types[name]}") for name in columns),
            )
            for row in comparator._expected_rows(source, table):
                values = list(row[: len(columns)])
                if "embedding" in columns and (text := values[columns.index("embedding")]):
                    values[columns.index("embedding")] = f"[{text[1:-1]}]"
                target.execute(statement, values)


@pytest.fixture
def make_source(plain_postgres: EmbeddedPostgres, make_database: MakeDatabase) -> Callable[[str], str]:
    def make(name: str) -> str:
        url = make_database(plain_postgres)
        sources.load_source(url, name)
        return url

    return make


@pytest.mark.parametrize("name", sources.SOURCES)
def test_a_source_carried_into_a_federated_store_compares_equal(
    make_source: Callable[[str], str], make_store: MakeStore, name: str
) -> None:
    source, target = make_source(name), make_store(enable_vector=True)
    mapping = derive_mapping(
        source,
        target,
        tables=sources.CANONICAL,
        text_ids=sources.TEXT_ID_TABLES.get(name, ()),
        values=sources.UNKNOWN_VALUES.get(name),
    )
    naive_copy(source, target, mapping)
    assert compare(source, target, mapping=mapping) == []


def test_ids_that_are_no_uuids_are_expected_as_the_hash_of_table_and_id(
    make_source: Callable[[str], str], make_store: MakeStore
) -> None:
    source, target = make_source("mixed"), make_store(enable_vector=True)
    mapping = derive_mapping(source, target, tables=["teams"], text_ids=["teams"])
    naive_copy(source, target, mapping)
    query = (
        "SELECT count(*) FROM teams WHERE id = "
        "encode(substr(sha256(convert_to('teams:' || origin_id, 'UTF8')), 1, 16), 'hex')::uuid"
    )
    with psycopg.connect(target) as connection:
        assert connection.execute(query).fetchone() == (3,)
        connection.execute("UPDATE teams SET origin_id = upper(origin_id)")
        connection.commit()
    assert {found.column for found in compare(source, target, mapping=mapping)} == {"origin_id"}


@pytest.fixture
def twins(make_source: Callable[[str], str]) -> tuple[str, str, Mapping]:
    """Two equal databases."""
    one, other = make_source("snake"), make_source("snake")
    names = [*sources.CANONICAL, *sources.OWN_TABLES]
    with psycopg.connect(other) as connection, psycopg.connect(one) as first:
        for table in names:  # now() of two loads differs
            for at in ("created_at", "updated_at", "joined_at"):
                for end in (connection, first):
                    if at in comparator.column_types(end, table):
                        end.execute(f"UPDATE {table} SET {at} = '2024-01-01 00:00:00.000001+00'")
    return one, other, derive_mapping(one, other, tables=names)


def broken(twins: tuple[str, str, Mapping], *statements: str) -> list[Difference]:
    with psycopg.connect(twins[1]) as connection:
        for statement in statements:
            connection.execute(statement.encode())
    return compare(twins[0], twins[1], mapping=twins[2])


def test_equal_databases_have_no_differences(twins: tuple[str, str, Mapping]) -> None:
    assert broken(twins) == []
    assert compare_catalogs(catalog_of(twins[0]), catalog_of(twins[1])) == []


CHANGES = {
    ("notes", "body"): "UPDATE notes SET body = overlay(body placing 'X' from 3 for 1) WHERE body <> ''",
    ("messages", "content"): "UPDATE messages SET content = content || ' ' WHERE seq = 1",
    ("users", "handle"): "UPDATE users SET handle = handle || U&'\\200B' WHERE handle = 'rtl'",
    ("tasks", "position"): "UPDATE tasks SET position = 1 WHERE position::text = '1.00'",
    ("tasks", "due_at"): "UPDATE tasks SET due_at = NULL WHERE due_at = 'infinity'",
    ("tasks", "created_at"): "UPDATE tasks SET created_at = created_at + interval '1 us' WHERE legacy_ref = 'LEG-1'",
    ("tasks", "labels"): "UPDATE tasks SET labels = array_replace(labels, NULL, 'NULL') WHERE legacy_ref = 'LEG-1'",
    ("messages", "metadata"): "UPDATE messages SET metadata = jsonb_set(metadata, '{big}', '1') WHERE seq = 3",
    ("insights", "embedding"): "UPDATE insights SET embedding[1536] = 0.123 WHERE embedding_dim = 1536",
    ("skill_runs", "output"): "UPDATE skill_runs SET output = '\\x00ff0a0d5c2f' WHERE id = -5",
}


def test_each_changed_byte_is_found_and_nothing_else(twins: tuple[str, str, Mapping]) -> None:
    found = broken(twins, *CHANGES.values())
    assert {each.kind for each in found} == {"value"}
    assert sorted((each.table, each.column) for each in found) == sorted(CHANGES)


def test_a_missing_row_is_found(twins: tuple[str, str, Mapping]) -> None:
    found = broken(twins, "DELETE FROM insights WHERE embedding IS NULL")
    assert [(each.kind, each.key) for each in found] == [
        ("count", ()),
        ("missing", ("70000000-0000-4000-8000-000000000004",)),
    ]


def test_a_doubled_row_is_found(twins: tuple[str, str, Mapping]) -> None:
    double = "INSERT INTO notes SELECT * FROM notes WHERE pinned"
    found = broken(twins, "ALTER TABLE notes DROP CONSTRAINT notes_pkey", double)
    assert [each.kind for each in found] == ["count", "extra"]


def test_a_row_replaced_by_another_is_found_though_the_counts_agree(twins: tuple[str, str, Mapping]) -> None:
    found = broken(twins, "UPDATE notes SET id = '40000000-0000-4000-8000-00000000000f' WHERE pinned")
    assert [each.kind for each in found] == ["missing", "extra"]


def test_wrong_sequences_are_found(twins: tuple[str, str, Mapping]) -> None:
    found = broken(twins, "SELECT nextval('agents_id_seq')", "SELECT setval('skill_runs_id_seq', 15, true)")
    assert [(each.kind, each.table) for each in found] == [("sequence", "agents"), ("sequence", "skill_runs")]


CATALOG_CHANGES = {
    ("index", "public.agents_slug_lower"): "DROP INDEX agents_slug_lower",
    ("constraint", "public.tasks.tasks_owner_id_fkey"): "ALTER TABLE tasks DROP CONSTRAINT tasks_owner_id_fkey",
    ("column", "public.notes.title"): "ALTER TABLE notes ALTER title DROP NOT NULL",
    ("column", "public.notes.body"): "ALTER TABLE notes ALTER body DROP DEFAULT",
    ("enum", "public.agent_kind"): "ALTER TYPE agent_kind ADD VALUE 'other'",
    ("sequence", "public.agents_id_seq"): "ALTER SEQUENCE agents_id_seq INCREMENT BY 2",
}


def test_each_change_of_the_catalog_is_found_and_nothing_else(twins: tuple[str, str, Mapping]) -> None:
    assert broken(twins, *CATALOG_CHANGES.values()) == []
    found = compare_catalogs(catalog_of(twins[0]), catalog_of(twins[1]))
    assert sorted((str(each.key[0]), each.table) for each in found) == sorted(CATALOG_CHANGES)


def test_a_target_column_that_nothing_maps_is_found(twins: tuple[str, str, Mapping]) -> None:
    (found,) = broken(twins, "ALTER TABLE notes ADD COLUMN surprise int")
    assert (found.kind, found.column) == ("column", "surprise")


def test_numbers_in_json_are_not_confused_with_texts() -> None:
    read = comparator.canonical("json", "jsonb")
    assert read('{"a": 1.50, "b": [1]}') == read('{"b":[1],"a":1.5}')
    assert read('{"a": 1}') != read('{"a": "1"}')


@pytest.fixture
def quiet(plain_postgres: EmbeddedPostgres) -> Iterator[None]:
    """No autovacuum: its ANALYZE would take transaction ids."""
    with psycopg.connect(plain_postgres.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")
        yield
        connection.execute("ALTER SYSTEM RESET autovacuum")
        connection.execute("SELECT pg_reload_conf()")


def test_reading_everything_leaves_the_fingerprint_as_it_was(quiet: None, twins: tuple[str, str, Mapping]) -> None:
    before = fingerprint(twins[0])
    compare(twins[0], twins[1], mapping=twins[2])
    assert fingerprint(twins[0]) == before


def test_every_kind_of_write_changes_the_fingerprint(quiet: None, make_source: Callable[[str], str]) -> None:
    url = make_source("snake")
    for statement, part in {
        "UPDATE notes SET body = body || 'x' WHERE pinned": "data",
        "SELECT nextval('agents_id_seq')": "data",
        "CREATE INDEX surprise ON notes (title)": "catalog",
        "SELECT pg_current_xact_id()": "next_xid",
    }.items():
        before = fingerprint(url)
        with psycopg.connect(url) as connection:
            connection.execute(statement.encode())
        assert getattr(fingerprint(url), part) != getattr(before, part), statement


@pytest.mark.parametrize("name", sources.SOURCES)
def test_every_secret_of_a_source_is_a_canary_in_a_skipped_table_or_a_secret_column(
    make_source: Callable[[str], str], name: str
) -> None:
    with psycopg.connect(make_source(name)) as connection:
        for table in (*sources.CANONICAL, *sources.OWN_TABLES):
            secret = sources.SECRET_COLUMN[name] if table == "users" else ""
            row = connection.execute(
                f"SELECT count(*) FROM {table} t WHERE (to_jsonb(t) - %s)::text LIKE %s",
                (secret, f"%{sources.CANARY}%"),
            ).fetchone()
            assert row == (0,)
        for table in set(sources.SKIPPED) - {"__drizzle_migrations"}:
            query = f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s OR t::text LIKE %s"
            encoded = sources.CANARY.encode().hex()  # bytea
            assert connection.execute(query, (f"%{sources.CANARY}%", f"%{encoded}%")).fetchone() != (0,)


def test_a_table_map_names_its_columns_in_the_order_of_its_rows() -> None:
    table = TableMap("a", "b", {"id": "id"}, ("id",), origin="origin_id", constants={"deleted_at": None})
    assert table.names == ["id", "origin_id", "deleted_at"]
