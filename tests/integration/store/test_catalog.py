"""`store.catalog` and the migrated schema say the same, on both kinds of server."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from store.catalog import BOOKKEEPING, BY_NAME, TABLES, ColumnSpec
from tests.integration.store.conftest import MakeStore

KINDS = pytest.mark.parametrize("enable_vector", [True, False], ids=["federated", "plain"])

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, a.atthasdef
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
"""
REFERENCES = """
SELECT conrelid::regclass::text, a.attname, confrelid::regclass::text
  FROM pg_constraint JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1] WHERE contype = 'f'
"""


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def spec_row(table: str, column: ColumnSpec, *, enable_vector: bool) -> tuple[Any, ...]:
    type_ = column.type_on(enable_vector=enable_vector)
    return (table, column.name, type_, column.nullable, column.has_default)


@KINDS
def test_the_catalog_lists_the_migrated_columns(make_store: MakeStore, enable_vector: bool) -> None:
    found = {row for row in rows(make_store(enable_vector=enable_vector), COLUMNS) if row[0] not in BOOKKEEPING}
    expected = {spec_row(t.name, c, enable_vector=enable_vector) for t in TABLES for c in t.columns}
    assert found == expected


@KINDS
def test_the_catalog_lists_the_migrated_references(make_store: MakeStore, enable_vector: bool) -> None:
    found = set(rows(make_store(enable_vector=enable_vector), REFERENCES))
    assert found == {(t.name, column, to) for t in TABLES for column, to in t.references.items()}


@KINDS
def test_the_catalog_lists_the_migrated_checks(make_store: MakeStore, enable_vector: bool) -> None:
    """The server rewrites a CHECK's text: the specs are added beside the real ones, then both texts compared."""
    query = (
        "SELECT conrelid::regclass::text, replace(conname, 'spec_', ''), pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conname {} '^spec_'"
    )
    url = make_store(enable_vector=enable_vector)
    with psycopg.connect(url) as connection:
        for table in TABLES:
            for check in table.checks:
                text = check.sql_on(enable_vector=enable_vector)
                connection.execute(f"ALTER TABLE {table.name} ADD CONSTRAINT spec_{check.name} CHECK ({text})")
            for column in (column for column in table.columns if column.values):
                words = ", ".join(f"'{word}'" for word in column.values)
                name = f"spec_{table.name}_{column.name}_known"
                connection.execute(f"ALTER TABLE {table.name} ADD CONSTRAINT {name} CHECK ({column.name} IN ({words}))")
        assert set(connection.execute(query.format("~"))) == set(connection.execute(query.format("!~")))


@KINDS
def test_every_not_null_column_that_is_no_reference_has_a_default(make_store: MakeStore, enable_vector: bool) -> None:
    bare = {
        (table, column)
        for table, column, _, nullable, has_default in rows(make_store(enable_vector=enable_vector), COLUMNS)
        if table in BY_NAME and not nullable and not has_default
    }
    assert bare == {(t.name, c) for t in TABLES for c in t.references if not BY_NAME[t.name].column(c).nullable}  # type: ignore[union-attr]


def test_the_tables_are_listed_after_what_they_refer_to() -> None:
    seen: set[str] = set()
    for table in TABLES:
        seen.add(table.name)
        assert set(table.references.values()) <= seen
