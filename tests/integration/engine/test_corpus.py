"""Every built-in type either arrives as it was or is refused in the plan, under any name; the comparator judges."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql

from migration.engine import make_plan
from migration.engine.model import Decisions, OutcomeState
from tests.comparator import compare, derive_mapping, open_reader
from tests.integration.engine import corpus
from tests.integration.engine.support import load, migrate, scalar, source_at, target_at

Urls = tuple[str, str]


def run_all(url: str, statements: list[sql.Composed]) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)


def table_of(number: int, case: corpus.Case) -> list[sql.Composed]:
    """One table of one type: keyed by number, each value a row, one NULL more."""
    name, type_name = sql.Identifier(f"case_{number}"), sql.SQL(case.type)  # type: ignore[arg-type]
    made = [sql.SQL("CREATE TABLE {} (n int PRIMARY KEY, v {})").format(name, type_name)]
    for n, value in enumerate(case.values):
        made.append(sql.SQL("INSERT INTO {} VALUES ({}, {}::{})").format(name, n, sql.Literal(value), type_name))
    if case.type != "tags":  # a domain that is NOT NULL
        made.append(sql.SQL("INSERT INTO {} VALUES ({}, NULL)").format(name, len(case.values)))
    return made


def migrated_equal(urls: Urls, tables: list[str], **options: Any) -> None:
    decisions = Decisions(carry_tables=tuple(tables))
    plan = make_plan(source_at(urls[0]), target_at(urls[1]), decisions)
    assert plan.is_ready, [f"{c.name}: {c.message}" for c in plan.blocking_checks]
    outcome = migrate(*urls, decisions, **options)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert compare(*urls, mapping=derive_mapping(*urls, tables=tables)) == []


@pytest.mark.parametrize(("major", "mode"), [(14, "exact"), (18, "typed")])
def test_every_built_in_type_arrives_as_it_was(
    major: int, mode: str, old_postgres: Any, plain_postgres: Any, postgres: Any, make_database: Any
) -> None:
    server = plain_postgres if major == 18 else old_postgres(major)
    urls = make_database(server), make_database(postgres)
    cases = [case for case in corpus.CASES if case.since <= major]
    load(urls[0], corpus.TYPES)
    run_all(urls[0], [statement for n, case in enumerate(cases) for statement in table_of(n, case)])
    migrated_equal(urls, [f"case_{n}" for n in range(len(cases))], verify_mode=mode)
    with open_reader(urls[0]) as here, open_reader(urls[1]) as there:
        for n, case in enumerate(cases):
            query = f"SELECT string_agg(v::text || pg_typeof(v), '|' ORDER BY n) FROM case_{n}".encode()
            assert here.execute(query).fetchone() == there.execute(query).fetchone(), case.type


def test_the_corpus_has_more_than_200_values() -> None:
    assert sum(len(case.values) for case in corpus.CASES) > 200


def test_what_cannot_arrive_is_refused_in_the_plan_by_name(urls: Urls) -> None:
    load(urls[0], corpus.REFUSED_TYPES)
    columns = ", ".join(f"c{n} {name}" for n, name in enumerate(corpus.REFUSED))
    load(urls[0], f"CREATE TABLE strange (id int PRIMARY KEY, {columns})")
    plan = make_plan(source_at(urls[0]), target_at(urls[1]), Decisions(carry_tables=("strange",)))
    refused = {c.name.removeprefix("type of strange.") for c in plan.blocking_checks if c.code == "MOS-MIG-015"}
    assert refused == {f"c{n}" for n in range(len(corpus.REFUSED))}
    dropped = Decisions(carry_tables=("strange",), drop_columns=tuple(f"strange.{name}" for name in refused))
    assert make_plan(source_at(urls[0]), target_at(urls[1]), dropped).is_ready


def test_xml_is_refused_for_a_target_that_was_built_without_it(
    old_postgres: Any, postgres: Any, make_database: Any
) -> None:
    urls = make_database(old_postgres(14)), make_database(postgres)
    load(urls[0], "CREATE TABLE feeds (id int PRIMARY KEY, body xml, more xml[]); INSERT INTO feeds VALUES (1, '<a/>')")
    plan = make_plan(source_at(urls[0]), target_at(urls[1]), Decisions(carry_tables=("feeds",)))
    assert [(c.code, c.name) for c in plan.blocking_checks] == [
        ("MOS-MIG-015", "type of feeds.body"),
        ("MOS-MIG-015", "type of feeds.more"),
    ]


def test_any_name_of_a_table_or_column_arrives(urls: Urls) -> None:
    made = []
    for n, name in enumerate(corpus.NAMES):
        table, other = sql.Identifier(name), sql.Identifier(corpus.NAMES[n - 1])
        made += [
            sql.SQL("CREATE TABLE {} ({} text PRIMARY KEY, {} int UNIQUE, {} text)").format(
                table, table, other, sql.Identifier("plain")
            ),
            sql.SQL("CREATE INDEX {} ON {} ({})").format(sql.Identifier(f"{name[:50]} index"), table, other),
            sql.SQL("INSERT INTO {} SELECT 'key % ' || n, n, 'x' FROM generate_series(1, 25) n").format(table),
            sql.SQL("ALTER TABLE {} ADD FOREIGN KEY ({}) REFERENCES {} ({})").format(table, other, table, other),
        ]
    run_all(urls[0], made)
    migrated_equal(urls, list(corpus.NAMES), chunk_rows=10)
    keys = "SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype = 'f'"
    assert scalar(urls[1], keys) == len(corpus.NAMES) + scalar(
        urls[1],
        keys + " AND conrelid::regclass::text IN "
        "('users', 'teams', 'team_members', 'projects', 'tasks', 'notes', 'conversations', 'messages', 'insights')",
    )


def test_tables_without_key_rows_or_columns_arrive(urls: Urls) -> None:
    load(
        urls[0],
        """CREATE TABLE no_key (a text, b int);
           INSERT INTO no_key VALUES ('x', 1), ('x', 1), (NULL, NULL), (NULL, NULL);
           CREATE TABLE no_rows (id uuid PRIMARY KEY, v jsonb);
           CREATE TABLE one_wide (id int GENERATED BY DEFAULT AS IDENTITY, PRIMARY KEY (id));
           INSERT INTO one_wide DEFAULT VALUES;
           CREATE TABLE composite (a text, b date, c numeric, PRIMARY KEY (a, b, c));
           INSERT INTO composite SELECT 'k' || n % 3, date '2024-01-01' + n, n / 7.0 FROM generate_series(1, 90) n;
           CREATE TABLE by_number (n numeric PRIMARY KEY, v bytea);
           INSERT INTO by_number VALUES (1.0, ''), ('NaN', NULL)""",
    )
    migrated_equal(urls, ["no_key", "no_rows", "one_wide", "composite", "by_number"], chunk_rows=7)
    assert scalar(urls[1], "SELECT nextval('one_wide_id_seq')") == 2
