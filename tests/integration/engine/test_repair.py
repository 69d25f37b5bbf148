"""After differences a resume mends the target; a discard empties it; both leave alone what the run did not write."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from migration.engine import building, discard, make_plan
from migration.engine.model import Cancelled, Decisions, OutcomeState, Paused, Phase
from migration.errors import NotDiscardableError
from store.ledger import StoreBusyError, StoreLock, holder_name
from tests.fingerprint import catalog_of, compare_catalogs
from tests.integration.engine.support import (
    CAMEL,
    CAMEL_DECISIONS,
    Follower,
    load,
    migrate,
    prepare_schema,
    run,
    scalar,
    source_at,
    state_of,
    target_at,
)
from tests.integration.engine.test_refusals import stopped_in

Urls = tuple[str, str]


@pytest.fixture
def urls(snake_url: str, postgres: Any, make_database: Any) -> Urls:
    return snake_url, make_database(postgres)


class Tamper(Follower):
    """Somebody who writes into the target right before the verification."""

    def __init__(self, url: str, script: str) -> None:
        super().__init__()
        self.url, self.script = url, script

    def progress(self, progress: Any) -> None:
        super().progress(progress)
        if progress.phase is Phase.VERIFY and self.script:
            script, self.script = self.script, ""
            load(self.url, script)


TAMPERING = """
UPDATE tasks SET title = title || '!' WHERE title = 'Task 7';
DELETE FROM messages WHERE seq = 3;
INSERT INTO teams (name, slug) VALUES ('theirs', 'theirs');
DROP INDEX tasks_newest;
ALTER TABLE tasks DROP CONSTRAINT tasks_title_length;
"""


def test_a_resume_after_differences_mends_rows_indexes_and_rules(urls: Urls) -> None:
    ends = source_at(urls[0]), target_at(urls[1])
    plan = make_plan(*ends, Decisions())
    outcome = run(plan, *ends, Tamper(urls[1], TAMPERING), chunk_rows=200)
    assert outcome.state is OutcomeState.DIFFERENCES
    assert {t.name for t in outcome.verification.tables if not t.is_equal} == {"tasks", "messages", "teams"}
    assert outcome.verification.catalog_differences == (
        "missing: check tasks_title_length on tasks",
        "missing: index tasks_newest on tasks",
    )
    follower = Follower()
    outcome = run(make_plan(*ends, Decisions()), *ends, follower, chunk_rows=200)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert {e.split(" ")[0] for e in follower.events if "copying all again" in e} == {"tasks", "messages", "teams"}
    there, here = state_of(urls[0]), state_of(urls[1])
    assert {name: there[name] for name in ("tasks", "messages", "teams")} == {
        name: here[name] for name in ("tasks", "messages", "teams")
    }


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ("ALTER TABLE notes ALTER body DROP NOT NULL", "changed: column body on notes"),
        ("ALTER TABLE notes ALTER pinned SET DEFAULT true", "changed: column pinned on notes"),
        ("ALTER TABLE users ALTER locale TYPE varchar(500)", "changed: column locale on users"),
        ("ALTER TABLE users ADD COLUMN theirs int", "unexpected: column theirs on users"),
    ],
)
def test_a_changed_column_of_the_target_is_a_difference(urls: Urls, change: str, difference: str) -> None:
    ends = source_at(urls[0]), target_at(urls[1])
    outcome = run(make_plan(*ends, Decisions()), *ends, Tamper(urls[1], change))
    assert (outcome.state, outcome.verification.catalog_differences) == (OutcomeState.DIFFERENCES, (difference,))


def test_keys_left_unchecked_by_a_stop_are_gone_before_rows_come(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = urls
    ends = source_at(source), target_at(target)

    def stopped(*_: object, **__: object) -> None:
        raise Paused

    plan = make_plan(*ends, Decisions())
    with monkeypatch.context() as patch:
        patch.setattr(building.Builder, "_vacuum_all", lambda *_: None)
        patch.setattr(building, "run_lanes", stopped)  # which is then called for the keys alone
        with pytest.raises(Paused):
            run(plan, *ends)
    unchecked = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"
    assert scalar(target, unchecked) > 10
    load(
        source,
        "CREATE TEMP TABLE c AS SELECT * FROM conversations ORDER BY id LIMIT 1; UPDATE c SET id = gen_random_uuid();"
        "INSERT INTO conversations SELECT * FROM c; UPDATE messages SET conversation_id = (SELECT id FROM c)"
        " WHERE id = (SELECT id FROM messages WHERE seq = 1 ORDER BY id LIMIT 1)",
    )
    outcome = run(make_plan(*ends, Decisions()), *ends)
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 0), outcome.verification
    assert scalar(target, unchecked) == 0
    assert state_of(source)["messages"] == state_of(target)["messages"]


def test_an_orphan_whose_parent_came_back_is_no_reject_any_more(urls: Urls) -> None:
    source, target = urls
    names = "SELECT conname FROM pg_constraint WHERE conrelid = 'messages'::regclass AND contype = 'f' AND confrelid = "
    constraint = scalar(source, names + "'conversations'::regclass")
    load(
        source,
        f'ALTER TABLE messages DROP CONSTRAINT "{constraint}"; CREATE SCHEMA aside; CREATE TABLE aside.lost AS '
        "SELECT * FROM conversations ORDER BY id LIMIT 1; DELETE FROM conversations USING aside.lost l "
        "WHERE conversations.id = l.id",
    )
    decisions = Decisions(allow_rejects=30, skip_tables={"aside.lost": "test"})
    stopped_in(Phase.VERIFY, Cancelled(), source, target, decisions)
    assert scalar(target, "SELECT count(*) FROM mosaic_migration.reject") == 20
    load(source, "INSERT INTO conversations SELECT * FROM aside.lost")
    outcome = migrate(source, target, decisions, chunk_rows=200)
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 0), outcome.verification


def own_schema(url: str) -> dict[tuple[str, str], tuple[Any, ...]]:
    return catalog_of(url, schema="public")


@pytest.mark.parametrize("phase", [Phase.COPY, Phase.INDEXES, Phase.VERIFY])
def test_a_discarded_run_leaves_an_empty_target_for_another(
    plain_postgres: Any, postgres: Any, make_database: Any, phase: Phase
) -> None:
    source, target = make_database(plain_postgres), make_database(postgres)
    prepare_schema(target_at(target))
    load(target, "CREATE SCHEMA theirs; CREATE TABLE theirs.words (w text); INSERT INTO theirs.words VALUES ('kept')")
    load(target, "CREATE TYPE their_type AS ENUM ('kept'); CREATE SEQUENCE their_sequence")
    load(source, CAMEL)
    load(target, "DROP TABLE theirs.words")  # a table of theirs would make the target not empty
    empty = own_schema(target)
    stopped_in(phase, Cancelled(), source, target, CAMEL_DECISIONS, chunk_rows=100)
    found = discard(target_at(target))
    assert set(found.dropped) == {"agents"}
    assert phase is not Phase.VERIFY or found.rows["tasks"] == 900
    assert compare_catalogs(empty, own_schema(target)) == []
    assert scalar(target, "SELECT count(*) FROM tasks") == 0
    assert scalar(target, "SELECT state FROM mosaic_migration.run") == "cancelled"
    other = replace(CAMEL_DECISIONS, carry_columns=(), drop_columns=("tasks.colour",))
    assert migrate(source, target, other).state is OutcomeState.VERIFIED


def test_a_run_that_stopped_before_its_tables_is_discarded(urls: Urls) -> None:
    stopped_in(Phase.PREPARE, Cancelled(), *urls)
    if scalar(urls[1], "SELECT to_regclass('mosaic_migration.run') IS NOT NULL"):
        assert discard(target_at(urls[1])).dropped == ()
    assert migrate(*urls).state is OutcomeState.VERIFIED


def test_a_discard_refuses_what_is_not_an_unfinished_run_of_its_own(urls: Urls) -> None:
    source, target = urls
    with pytest.raises(NotDiscardableError, match="no run"):
        discard(target_at(target))
    stopped_in(Phase.INDEXES, Cancelled(), source, target)
    with pytest.raises(NotDiscardableError, match="another run"):
        discard(target_at(target), run_id=uuid4())
    with StoreLock(target, "shared", holder_name("gw")), pytest.raises(StoreBusyError):
        discard(target_at(target), lock_wait_s=0.2)
    load(target, "INSERT INTO teams (name, slug) VALUES ('theirs', 'theirs')")
    before = state_of(target)
    with pytest.raises(NotDiscardableError, match="teams"):
        discard(target_at(target))
    assert state_of(target) == before
    load(target, "DELETE FROM teams WHERE slug = 'theirs'")
    assert migrate(source, target).state is OutcomeState.VERIFIED
    with pytest.raises(NotDiscardableError, match="verified"):
        discard(target_at(target))


def test_a_frozen_worker_that_only_holds_the_sources_lock_is_ended_by_a_resume(urls: Urls) -> None:
    source, target = urls
    stopped_in(Phase.INDEXES, Paused(), source, target)
    frozen = holder_name("mig", host="frozen", process=7)
    load(target, f"UPDATE mosaic_migration.run SET holder = '{frozen}'")  # its sessions there went with the server
    with StoreLock(source, "exclusive", frozen):
        outcome = migrate(source, target, lease_expired=True, lock_timeout_s=1.0)
    assert outcome.state is OutcomeState.VERIFIED


@pytest.mark.parametrize(("end", "phase"), [(1, Phase.PREPARE), (1, Phase.CERTIFICATE), (0, Phase.SEQUENCES)])
def test_a_cancel_does_not_wait_for_a_server_that_stopped_answering(urls: Urls, phase: Phase, end: int) -> None:
    frozen: list[int] = []
    follower = Follower(Cancelled(), lambda f: bool(frozen))

    def progress(value: Any) -> None:
        follower.seen.append(value)
        if value.phase is phase and not frozen:
            with psycopg.connect(urls[end]) as connection:
                query = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'mosaic-mig%'"
                pids = [pid for (pid,) in connection.execute(query).fetchall()]
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            frozen.extend(pids)

    follower.progress = progress  # type: ignore[method-assign]
    ends = source_at(urls[0]), target_at(urls[1])
    plan = make_plan(*ends, Decisions())
    began = time.monotonic()
    try:
        with pytest.raises(Cancelled):
            run(plan, *ends, follower)
    finally:
        took = time.monotonic() - began
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    assert took < 15
    assert migrate(*urls, lease_expired=True).state is OutcomeState.VERIFIED


def test_a_row_of_somebody_else_is_seen_among_the_places_of_orphans(urls: Urls) -> None:
    """20 messages were copied and taken out again: the ledger's chunks count them, the table does not."""
    source, target = urls
    names = "SELECT conname FROM pg_constraint WHERE conrelid = 'messages'::regclass AND contype = 'f' AND confrelid = "
    constraint = scalar(source, names + "'conversations'::regclass")
    load(source, f'ALTER TABLE messages DROP CONSTRAINT "{constraint}"')
    load(source, "DELETE FROM conversations WHERE id = (SELECT id FROM conversations ORDER BY id LIMIT 1)")
    stopped_in(Phase.VERIFY, Cancelled(), source, target, Decisions(allow_rejects=30))
    assert scalar(target, "SELECT count(*) FROM mosaic_migration.reject") == 20
    columns = "gen_random_uuid(), conversation_id, 1000000, role, 'theirs'"
    load(
        target,
        "INSERT INTO messages (id, conversation_id, seq, role, content) "
        f"SELECT {columns} FROM messages ORDER BY id LIMIT 1",
    )
    with pytest.raises(NotDiscardableError, match="messages"):
        discard(target_at(target))
    assert scalar(target, "SELECT count(*) FROM messages WHERE content = 'theirs'") == 1
