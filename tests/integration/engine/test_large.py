"""Tables that the target's memory does not hold: vacuumed while they are filled, indexed when all is copied."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from compose.embedded import EmbeddedPostgres
from migration.engine import building, make_plan
from migration.engine.building import Builder, large_tables
from migration.engine.model import Decisions, OutcomeState, Phase
from tests.fingerprint import catalog_of, compare_catalogs
from tests.integration.engine.support import (
    Follower,
    make_snake,
    migrate,
    run,
    scalar,
    source_at,
    take_all_for_large,
    target_at,
)

Urls = tuple[str, str]
ROWS, CHUNK_ROWS = 6_000, 100
INDEXES = """
    SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
     WHERE c.relname IN ('tasks', 'messages', 'users') AND NOT i.indisunique"""
VACUUMED = "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'messages'"


@pytest.fixture
def all_large(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda tidy_bytes: take_all_for_large(monkeypatch.setattr, tidy_bytes=tidy_bytes)


def test_large_is_what_the_servers_memory_does_not_hold(urls: Urls, postgres: EmbeddedPostgres) -> None:
    source, target = urls
    make_snake(source)
    plan = make_plan(source_at(source), target_at(target), Decisions())
    assert postgres.options["shared_buffers"] == "64MB"
    sizes = {"users": (64 << 20) + 1, "tasks": 64 << 20}
    for table in plan.copied_tables:
        object.__setattr__(table, "bytes", sizes.get(table.name, 1_000))
    with psycopg.connect(target) as connection:
        assert large_tables(connection, plan) == {"users"}


def test_large_tables_get_their_indexes_when_all_is_copied(
    urls: Urls,
    make_database: Any,
    postgres: EmbeddedPostgres,
    all_large: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, target = urls
    make_snake(source)
    ordinary = make_database(postgres)
    migrate(source, ordinary)
    all_large(1 << 30)
    standing: list[int] = []
    finish = Builder.finish

    def counted(builder: Builder, connection: Any) -> None:
        standing.append(connection.execute(INDEXES).fetchone()[0])
        finish(builder, connection)

    monkeypatch.setattr(Builder, "finish", counted)
    outcome = migrate(source, target)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert standing == [0]
    assert scalar(target, INDEXES) == scalar(ordinary, INDEXES) > 10
    wanted, found = (catalog_of(url, schema="public") for url in (ordinary, target))
    assert compare_catalogs(wanted, found) == []


def test_vacuum_marks_a_large_table_while_it_is_being_filled_and_needs_no_second_pass(
    urls: Urls, all_large: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = urls
    make_snake(source, rows=ROWS)
    all_large(1)  # after every chunk at first, then whenever an eighth has come
    left: list[set[str]] = []
    visible: list[int] = []
    look, tidy = Builder._vacuum_all, Builder.keep_tidy

    def last_pass(builder: Builder, connection: Any) -> None:
        left.append(building._names(connection, building._NOT_TIDY) & {"users", "tasks", "messages"})
        look(builder, connection)

    def tidied(builder: Builder, connection: Any, table: str, size: int) -> None:
        tidy(builder, connection, table, size)
        if table == "messages":
            row = connection.execute("SELECT relallvisible FROM pg_class WHERE oid = 'messages'::regclass").fetchone()
            visible.append(row[0])

    monkeypatch.setattr(Builder, "_vacuum_all", last_pass)
    monkeypatch.setattr(Builder, "keep_tidy", tidied)
    outcome = migrate(source, target, chunk_rows=CHUNK_ROWS, copiers=1, vector_indexes=False)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert left == [set()]
    assert visible == sorted(visible)
    assert 10 < len(set(visible)) < len(visible) - 10, visible


def test_vacuum_stays_away_where_somebody_elses_transaction_makes_it_vain(
    urls: Urls, all_large: Callable[[int], None]
) -> None:
    source, target = urls
    make_snake(source, rows=ROWS)
    all_large(1)
    plan = make_plan(source_at(source), target_at(target), Decisions())
    with ExitStack() as stack:

        class Holding(Follower):
            def progress(self, progress: Any) -> None:
                if progress.phase is Phase.COPY and not any(seen.phase is Phase.COPY for seen in self.seen):
                    somebody = stack.enter_context(psycopg.connect(target))
                    somebody.execute("SELECT pg_current_xact_id()")
                super().progress(progress)

        outcome = run(
            plan,
            source_at(source),
            target_at(target),
            Holding(),
            chunk_rows=CHUNK_ROWS,
            copiers=1,
            vector_indexes=False,
        )
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert scalar(target, VACUUMED) <= 4  # the first one, which was in vain, one when it is full, and the last pass
