from __future__ import annotations

import pytest

from migration.engine import make_plan
from migration.engine.model import Action, Cancelled, Decisions, OutcomeState, Phase, Progress
from migration.engine.throttle import Throttle
from tests.integration.engine.support import (
    CAMEL,
    CAMEL_DECISIONS,
    Follower,
    load,
    make_snake,
    migrate,
    run,
    scalar,
    source_at,
    state_of,
    target_at,
)

Urls = tuple[str, str]


def test_a_snake_case_store_arrives_whole(urls: Urls) -> None:
    source, target = urls
    make_snake(source)
    outcome = migrate(source, target, chunk_rows=300)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert scalar(target, "SELECT count(*) FROM tasks") == 1_000
    there, here = state_of(source), state_of(target)
    same = set(there) - {"catalog", "insights"}
    assert {name: there[name] for name in same} == {name: here[name] for name in same}
    assert scalar(target, "SELECT count(*) FROM pg_indexes WHERE indexname = 'insights_embedding_hnsw_3'") == 1
    query = "SELECT md5(string_agg(embedding::real[]::text, '|' ORDER BY id)) FROM insights"
    assert scalar(source, query) == scalar(target, query)


def test_a_camel_case_store_with_other_ids_arrives_whole(urls: Urls) -> None:
    source, target = urls
    load(source, CAMEL)
    outcome = migrate(source, target, CAMEL_DECISIONS, chunk_rows=100)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert scalar(target, "SELECT count(*) FROM tasks t JOIN users u ON u.id = t.owner_id") == 900
    assert scalar(target, "SELECT count(*) FROM tasks WHERE status = 'todo' AND colour = 'red'") == 600
    assert scalar(target, "SELECT origin_id FROM teams WHERE slug = 'core'") == "core"
    assert scalar(target, "SELECT id::text FROM teams WHERE slug = 'uuid'") == "8e5b1f6e-54a1-4d6c-8a56-0f8a3f3ed001"
    assert scalar(target, 'SELECT count(*) FROM agents a JOIN users u ON u.id = a."ownerId"') == 300
    assert scalar(target, "INSERT INTO agents (name) VALUES ('next') RETURNING id") == 301
    assert "canary" not in str(state_of(target)) + str(outcome.certificate)


def test_a_dry_run_asks_about_everything_it_does_not_know(urls: Urls) -> None:
    source, target = urls
    load(source, CAMEL)
    plan = make_plan(source_at(source), target_at(target), Decisions())
    assert {d.subject for d in plan.open_decisions} == {"agents", "tasks.colour", "tasks.status:not-started"}
    assert not plan.is_ready
    skipped = {table.source_table for table in plan.tables if table.action is Action.SKIP}
    assert skipped == {"sessions", "__drizzle_migrations"}


def test_a_finished_run_is_verified_again_and_changes_nothing(urls: Urls) -> None:
    source, target = urls
    make_snake(source)
    migrate(source, target)
    before = state_of(target)
    outcome = migrate(source, target)
    assert outcome.state is OutcomeState.VERIFIED
    assert not outcome.changed
    assert state_of(target) == before


def test_progress_is_told_for_each_phase(urls: Urls) -> None:
    source, target = urls
    make_snake(source)
    follower = Follower()
    ends = source_at(source), target_at(target)
    run(make_plan(*ends, Decisions()), *ends, follower)
    last = follower.seen[-1]
    assert last.rows_done == last.rows_total > 0
    assert {table.state for table in last.tables} == {"verified"}


def test_a_carried_table_keeps_all_that_does_not_use_a_secret(urls: Urls) -> None:
    source, target = urls
    load(
        source,
        """CREATE TABLE devices (id int PRIMARY KEY, name text NOT NULL, token text NOT NULL,
             short text GENERATED ALWAYS AS (left(name, 3)) STORED, CHECK (name <> token), CHECK (name <> ''));
           CREATE INDEX devices_name ON devices (name); CREATE UNIQUE INDEX devices_token ON devices (token);
           INSERT INTO devices VALUES (1, 'kitchen', 'canary-token')""",
    )
    outcome = migrate(source, target, Decisions(carry_tables=("devices",)))
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert scalar(target, "SELECT devices::text FROM devices") == "(1,kitchen,kit)"
    assert scalar(target, "SELECT count(*) FROM pg_indexes WHERE tablename = 'devices'") == 2
    checks = "SELECT count(*) FROM pg_constraint WHERE conrelid = 'devices'::regclass AND contype = 'c'"
    assert scalar(target, checks) == 1
    (plan,) = (t for t in make_plan(source_at(source), target_at(target), Decisions(carry_tables=("devices",))).tables)
    assert any("devices_token" in note for note in plan.notes)


def test_a_limited_copy_takes_its_time_and_follows_a_change(urls: Urls) -> None:
    make_snake(urls[0])
    throttle = Throttle(100_000)
    source, target = source_at(urls[0]), target_at(urls[1])
    plan = make_plan(source, target, Decisions())

    class Loosening(Follower):
        def progress(self, progress: Progress) -> None:
            super().progress(progress)
            slow = [seen for seen in self.seen if seen.phase is Phase.COPY and seen.rows_done > 0]
            if len(slow) == 2:
                throttle.set(None)

    follower = Loosening()
    outcome = run(plan, source, target, follower, throttle=throttle, chunk_rows=200)
    assert outcome.state is OutcomeState.VERIFIED
    assert throttle.limit is None, "the copy was over before it could be loosened"
    assert outcome.durations["copy"] >= 1.0


def test_autovacuum_stays_off_tables_that_are_being_filled(urls: Urls) -> None:
    source, target = urls
    make_snake(source)
    ends = source_at(source), target_at(target)
    left_alone = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND reloptions @> '{autovacuum_enabled=off}'"
    copied = len(make_plan(*ends, Decisions()).copied_tables)

    def is_filling(follower: Follower) -> bool:
        return follower.seen[-1].phase is Phase.COPY and scalar(target, left_alone) == copied

    with pytest.raises(Cancelled):
        run(make_plan(*ends, Decisions()), *ends, Follower(Cancelled(), is_filling), throttle=Throttle(20_000))
    assert scalar(target, left_alone) == copied
    run(make_plan(*ends, Decisions()), *ends)
    assert scalar(target, "SELECT count(*) FROM pg_class WHERE reloptions IS NOT NULL AND relkind IN ('r', 't')") == 0


def test_a_run_leaves_every_table_vacuumed_and_analyzed(urls: Urls) -> None:
    source, target = urls
    make_snake(source, rows=3_000)
    migrate(source, target, chunk_rows=100)
    filled = "('users', 'tasks', 'messages', 'insights')"
    unseen = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relallvisible < relpages AND relname IN "
    assert scalar(target, unseen + filled) == 0
    assert scalar(target, "SELECT count(DISTINCT tablename) FROM pg_stats WHERE tablename IN " + filled) == 4
    assert scalar(target, "SELECT count(*) FROM pg_stats WHERE tablename = 'users_email_lower_unique'") == 1
