"""What a run spares itself, and that nothing is lost by it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from migration.engine import make_plan
from migration.engine.model import Decisions, OutcomeState
from migration.errors import DatabaseRefusedError
from tests.integration.engine.support import migrate, run, source_at, state_of, target_at

Urls = tuple[str, str]


@pytest.fixture
def urls(snake_url: str, postgres: Any, make_database: Any) -> Urls:
    return snake_url, make_database(postgres)


def test_a_source_in_which_nothing_was_written_is_not_scanned_again(urls: Urls) -> None:
    source, target = urls
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 500', current_database()); END $$"
        )
    ends = source_at(source), target_at(target)
    known = make_plan(*ends, Decisions())
    with psycopg.connect(source) as other:
        other.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")  # a scan would fail now
        again = make_plan(*ends, Decisions(), known=known)
    assert again.hash == known.hash
    assert again.totals == known.totals
    assert {(check.code, check.name) for check in again.checks} == {(check.code, check.name) for check in known.checks}


def test_what_was_written_since_is_found(urls: Urls) -> None:
    source, target = urls
    ends = source_at(source), target_at(target)
    known = make_plan(*ends, Decisions())
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute("CREATE TABLE plugins (id int PRIMARY KEY)")
    again = make_plan(*ends, Decisions(), known=known)
    assert [decision.subject for decision in again.open_decisions] == ["plugins"]


def test_keys_that_the_source_guarantees_are_built_after_the_load(urls: Urls) -> None:
    source, target = urls
    assert migrate(source, target).state is OutcomeState.VERIFIED
    with psycopg.connect(target) as connection:
        rows = connection.execute(
            "SELECT name, state FROM mosaic_migration.ddl WHERE kind = 'unique' OR definition LIKE 'CREATE UNIQUE%'"
        ).fetchall()
    states = dict(rows)
    assert states["tasks_pkey"] == "rebuilt"
    assert states["users_email_lower_unique"] == "present"  # no column's key guarantees it


def test_a_key_that_the_source_broke_itself_is_named(urls: Urls) -> None:
    """An index that fell behind its table, as a changed collation or a bad disk leaves it."""
    source, target = urls
    with psycopg.connect(source, autocommit=True) as connection:
        mark = "UPDATE pg_index SET indisready = %s WHERE indexrelid = 'teams_pkey'::regclass"
        connection.execute(mark, (False,))
        connection.execute("INSERT INTO teams SELECT * FROM teams LIMIT 1")
        connection.execute(mark, (True,))
    ends = source_at(source), target_at(target)
    plan = make_plan(*ends, Decisions())
    with pytest.raises(DatabaseRefusedError, match="teams_pkey of teams cannot be built") as caught:
        run(plan, *ends)
    assert "REINDEX TABLE teams" in caught.value.remediation
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute("DELETE FROM teams WHERE ctid = (SELECT max(ctid) FROM teams)")
    assert migrate(source, target).state is OutcomeState.VERIFIED
    assert state_of(target)["teams"] == state_of(source)["teams"]


def test_what_was_under_way_during_the_dry_run_is_found(urls: Urls) -> None:
    source, target = urls
    ends = source_at(source), target_at(target)
    with psycopg.connect(source) as writer:
        writer.execute("CREATE TABLE plugins (id int PRIMARY KEY)")
        with psycopg.connect(source, autocommit=True) as newer:
            newer.execute("ANALYZE teams")  # a later transaction ends before it
        known = make_plan(*ends, Decisions(allow_sessions=True))
    again = make_plan(*ends, Decisions(allow_sessions=True), known=known)
    assert [decision.subject for decision in again.open_decisions] == ["plugins"]
