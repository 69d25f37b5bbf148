"""What a run refuses, what it survives, and that nothing is lost either way."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from migration.engine import ledger_rows, make_plan
from migration.engine.model import Cancelled, Decisions, OutcomeState, Paused, Phase
from migration.engine.prepare import end_stale_sessions, find_run
from migration.errors import (
    DirectionError,
    OtherRunError,
    PlanNotReadyError,
    RunInterruptedError,
    SourceChangedError,
)
from mosaic_admin.errors import MosaicError
from store.ledger import StaleEpochError, StoreLock, claim_epoch, holder_name, lock_holders, read_run
from tests.integration.engine.support import (
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


@pytest.fixture
def urls(snake_url: str, postgres: Any, make_database: Any) -> Urls:
    return snake_url, make_database(postgres)


def failing(plan: Any) -> set[str]:
    return {check.code for check in plan.blocking_checks}


def stopped_in(
    phase: Phase,
    with_: BaseException,
    source: str,
    target: str,
    decisions: Decisions | None = None,
    *,
    chunk_rows: int = 200,
) -> Follower:
    """Run until `phase` and stop there with a control signal."""
    follower = Follower(with_, lambda f: bool(f.seen) and f.seen[-1].phase is phase)
    ends = source_at(source), target_at(target)
    with pytest.raises(type(with_)):
        run(make_plan(*ends, decisions or Decisions()), *ends, follower, chunk_rows=chunk_rows)
    return follower


def test_a_federated_source_is_refused_before_anything_connects() -> None:
    nowhere = "postgresql://nobody:secret-canary@127.0.0.1:9/none"
    with pytest.raises(DirectionError) as caught:
        make_plan(target_at(nowhere), target_at(nowhere), Decisions())
    assert "federated" in caught.value.message


def test_one_database_as_both_ends_is_refused(urls: Urls) -> None:
    with pytest.raises(DirectionError):
        make_plan(source_at(urls[1]), target_at(urls[1]), Decisions())


def test_a_source_that_is_down_is_an_error_without_its_password(urls: Urls) -> None:
    with pytest.raises(MosaicError) as caught:
        make_plan(source_at("postgresql://u:secret-canary@127.0.0.1:9/none"), target_at(urls[1]), Decisions())
    assert caught.value.remediation
    assert "secret-canary" not in f"{caught.value.as_dict()}"


def test_a_target_with_foreign_data_blocks_and_keeps_it(urls: Urls) -> None:
    source, target = urls
    load(target, "CREATE TABLE theirs (id int); INSERT INTO theirs VALUES (1)")
    plan = make_plan(source_at(source), target_at(target), Decisions())
    assert failing(plan) == {"MOS-MIG-007"}
    with pytest.raises(PlanNotReadyError):
        run(plan, source_at(source), target_at(target))
    assert scalar(target, "SELECT count(*) FROM theirs") == 1


def test_a_ledger_that_somebody_else_prepared_blocks(urls: Urls) -> None:
    role = f"mallory_{uuid4().hex[:8]}"
    load(urls[1], f"CREATE ROLE {role}; CREATE SCHEMA mosaic_migration AUTHORIZATION {role}")
    try:
        plan = make_plan(source_at(urls[0]), target_at(urls[1]), Decisions())
        assert failing(plan) == {"MOS-STO-010"}
    finally:
        load(urls[1], f"DROP SCHEMA mosaic_migration; DROP ROLE {role}")


def test_a_check_that_blocks_stops_a_run_in_preflight_and_an_old_plan_in_plan(urls: Urls) -> None:
    ends = source_at(urls[0]), target_at(urls[1])
    plan = make_plan(*ends, Decisions())
    stops: list[Phase] = []
    for change, undo in (
        (lambda: load(urls[1], "CREATE TABLE theirs AS SELECT 1 AS id"), lambda: load(urls[1], "DROP TABLE theirs")),
        (lambda: load(urls[0], "CREATE TABLE new_here (id int)"), lambda: load(urls[0], "DROP TABLE new_here")),
    ):
        follower = Follower()
        change()
        with pytest.raises(PlanNotReadyError):
            run(plan, *ends, follower)
        undo()
        stops.append(follower.seen[-1].phase)
    assert stops == [Phase.PREFLIGHT, Phase.PLAN]


def test_a_target_without_the_vector_library_blocks_with_the_doctors_code(
    urls: Urls, plain_postgres: Any, make_database: Any
) -> None:
    plan = make_plan(source_at(urls[0]), target_at(make_database(plain_postgres)), Decisions())
    assert failing(plan) == {"MOS-PGV-001"}


def test_a_target_with_a_broken_vector_library_blocks_with_the_doctors_code(
    urls: Urls, broken_postgres: Any, make_database: Any
) -> None:
    plan = make_plan(source_at(urls[0]), target_at(make_database(broken_postgres)), Decisions())
    assert failing(plan) == {"MOS-PGV-004"}


def test_a_role_that_may_not_enable_pgvector_blocks_with_the_doctors_code(urls: Urls) -> None:
    source, target = urls
    parts = psycopg.conninfo.conninfo_to_dict(target)
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("DROP EXTENSION IF EXISTS vector")
        connection.execute("CREATE ROLE plain_owner LOGIN PASSWORD 'plain-owner-secret'")
        connection.execute(f'ALTER DATABASE "{parts["dbname"]}" OWNER TO plain_owner')
        connection.execute("ALTER SCHEMA public OWNER TO plain_owner")
    address = f"postgresql://plain_owner:plain-owner-secret@{parts['host']}:{parts['port']}/{parts['dbname']}"
    try:
        assert "MOS-PGV-002" in failing(make_plan(source_at(source), target_at(address), Decisions()))
    finally:
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute("REASSIGN OWNED BY plain_owner TO CURRENT_USER")
            connection.execute("DROP OWNED BY plain_owner")
            connection.execute("DROP ROLE plain_owner")


def test_a_running_gateway_blocks_and_the_remedy_pauses_it(urls: Urls) -> None:
    with StoreLock(urls[0], "shared", holder_name("gw")):
        plan = make_plan(source_at(urls[0]), target_at(urls[1]), Decisions())
    check = next(check for check in plan.blocking_checks if check.code == "MOS-MIG-009")
    assert "mosaic gateway pause" in check.remediation


def test_another_session_blocks_unless_it_is_allowed(urls: Urls) -> None:
    with psycopg.connect(urls[0], application_name="psql"):
        assert failing(make_plan(source_at(urls[0]), target_at(urls[1]), Decisions())) == {"MOS-MIG-008"}
        assert make_plan(source_at(urls[0]), target_at(urls[1]), Decisions(allow_sessions=True)).is_ready


def test_an_unknown_table_waits_for_a_decision(urls: Urls) -> None:
    load(urls[0], "CREATE TABLE missions (id int PRIMARY KEY); INSERT INTO missions VALUES (1), (2)")
    plan = make_plan(source_at(urls[0]), target_at(urls[1]), Decisions())
    (decision,) = plan.open_decisions
    assert (decision.subject, decision.rows) == ("missions", 2)
    assert decision.choices == ("--carry-table missions", "--skip-table missions=REASON")


def test_a_plan_that_no_longer_fits_the_source_is_refused(urls: Urls) -> None:
    plan = make_plan(source_at(urls[0]), target_at(urls[1]), Decisions())
    load(urls[0], "ALTER TABLE notes DROP COLUMN pinned")
    with pytest.raises(PlanNotReadyError):
        run(plan, source_at(urls[0]), target_at(urls[1]))


@pytest.mark.parametrize("phase", [Phase.COPY, Phase.INDEXES, Phase.VERIFY])
def test_a_paused_run_lets_go_of_everything_and_resumes(urls: Urls, phase: Phase) -> None:
    source, target = urls
    stopped_in(phase, Paused(), source, target)
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'mosaic-mig%' AND datname IS NOT NULL"
    assert scalar(source, sessions) == scalar(target, sessions) == 0
    assert migrate(source, target, chunk_rows=200).state is OutcomeState.VERIFIED
    assert scalar(target, "SELECT count(*) FROM tasks") == 2_000


def test_a_source_that_changed_between_two_attempts_arrives_as_it_is_now(urls: Urls) -> None:
    source, target = urls
    stopped_in(Phase.VERIFY, Cancelled(), source, target)
    load(
        source,
        "DELETE FROM tasks WHERE title = 'Task 7'; UPDATE messages SET content = 'new' WHERE seq = 3;"
        "INSERT INTO teams (name, slug) VALUES ('late', 'late')",
    )
    outcome = migrate(source, target, chunk_rows=200)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    there, here = state_of(source), state_of(target)
    assert {name: there[name] for name in ("tasks", "messages", "teams")} == {
        name: here[name] for name in ("tasks", "messages", "teams")
    }


def test_a_source_that_changed_after_the_end_is_refused_by_name_and_count(urls: Urls) -> None:
    source, target = urls
    migrate(source, target)
    before = state_of(target)
    load(source, "DELETE FROM tasks WHERE title = 'Task 7'")
    with pytest.raises(SourceChangedError) as caught:
        migrate(source, target)
    assert "tasks in the source (2000 rows then, 1999 now)" in caught.value.message
    assert state_of(target) == before


def test_another_plan_of_the_same_source_may_not_go_on(urls: Urls) -> None:
    source, target = urls
    stopped_in(Phase.VERIFY, Cancelled(), source, target)
    other = Decisions(drop_columns=("notes.pinned",))
    plan = make_plan(source_at(source), target_at(target), other)
    assert failing(plan) == {"MOS-MIG-021"}  # the dry run says so already
    with pytest.raises(PlanNotReadyError, match="with other decisions"):
        migrate(source, target, other)
    with psycopg.connect(target, autocommit=True) as connection, pytest.raises(OtherRunError):
        find_run(connection, plan)  # the last guard, under the lock


def test_another_source_may_not_touch_the_target(urls: Urls, plain_postgres: Any, make_database: Any) -> None:
    migrate(*urls)
    other = make_database(plain_postgres)
    make_snake(other, 100)
    assert failing(make_plan(source_at(other), target_at(urls[1]), Decisions())) == {"MOS-MIG-021"}


def test_a_stale_worker_commits_nothing(urls: Urls) -> None:
    source, target = urls

    def take_over(follower: Follower) -> bool:
        if follower.seen and follower.seen[-1].phase is Phase.SEQUENCES and not follower.events:
            with psycopg.connect(target, autocommit=True) as connection:
                found = read_run(connection)
                assert found is not None
                claim_epoch(connection, found.run_id)
            follower.events.append("taken over")
        return False

    follower = Follower(Paused(), take_over)
    ends = source_at(source), target_at(target)
    original = follower.progress

    def progress(value: Any) -> None:
        original(value)
        take_over(follower)

    follower.progress = progress  # type: ignore[method-assign]
    with pytest.raises(StaleEpochError):
        run(make_plan(*ends, Decisions()), *ends, follower)
    assert scalar(target, "SELECT state FROM mosaic_migration.run") == "copying"
    assert migrate(source, target).state is OutcomeState.VERIFIED


def test_rows_the_store_forbids_block_the_plan_and_are_rejected_by_permission(urls: Urls) -> None:
    source, target = urls
    load(
        source,
        "ALTER TABLE tasks DROP CONSTRAINT tasks_title_length; UPDATE tasks SET title = '' WHERE title = 'Task 7';"
        "DROP INDEX users_email_lower_unique;"
        "INSERT INTO users (id, email) VALUES ('ffffffff-ffff-ffff-ffff-ffffffffffff', 'U9@EXAMPLE.org')",
    )
    assert failing(make_plan(source_at(source), target_at(target), Decisions())) == {"MOS-MIG-013"}
    outcome = migrate(source, target, Decisions(allow_rejects=2), chunk_rows=300)
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 2), outcome.verification
    assert scalar(target, "SELECT string_agg(DISTINCT sqlstate, ',') FROM mosaic_migration.reject") == "23505,23514"
    assert scalar(target, "SELECT count(*) FROM tasks") == 1_999


def test_rows_that_refer_to_nothing_are_rejected_by_permission(urls: Urls) -> None:
    source, target = urls
    names = "SELECT conname FROM pg_constraint WHERE conrelid = 'messages'::regclass AND contype = 'f' AND confrelid = "
    constraint = scalar(source, names + "'conversations'::regclass")
    load(
        source,
        f'ALTER TABLE messages DROP CONSTRAINT "{constraint}"; DELETE FROM conversations WHERE id = '
        "(SELECT conversation_id FROM messages ORDER BY id LIMIT 1)",
    )
    plan = make_plan(source_at(source), target_at(target), Decisions())
    assert failing(plan) == {"MOS-MIG-013"}
    orphans = 2_000 // 100
    outcome = migrate(source, target, Decisions(allow_rejects=orphans))
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, orphans), outcome.verification


def test_a_policy_that_hides_rows_of_the_source_blocks_the_plan(urls: Urls) -> None:
    source, target = urls
    role = f"reader_{secrets.token_hex(4)}"
    load(source, f"CREATE ROLE {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        as_role = source_at(f"{source}?options=-c%20role%3D{role}")
        assert make_plan(as_role, target_at(target), Decisions()).is_ready
        load(source, "ALTER TABLE tasks ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON tasks USING (position < 10)")
        (check,) = make_plan(as_role, target_at(target), Decisions()).blocking_checks
        assert check.name == "rights on tasks"
        assert "BYPASSRLS" in check.remediation
        assert make_plan(source_at(source), target_at(target), Decisions()).totals.rows > 2_000
    finally:
        load(source, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_unique_value_that_moved_to_another_chunk_is_not_taken_for_a_duplicate(urls: Urls) -> None:
    source, target = urls
    decisions = Decisions(carry_tables=("badges",))
    load(source, "CREATE TABLE badges (id int PRIMARY KEY, word text NOT NULL)")
    load(source, "CREATE UNIQUE INDEX badges_word ON badges (word)")
    load(source, "INSERT INTO badges SELECT n, 'badge ' || n FROM generate_series(1, 100) n")
    stopped_in(Phase.VERIFY, Cancelled(), source, target, decisions, chunk_rows=10)
    load(source, "DELETE FROM badges WHERE id = 100; INSERT INTO badges VALUES (0, 'badge 100')")
    outcome = migrate(source, target, decisions, chunk_rows=10, copiers=1)
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 0)
    assert state_of(source)["badges"] == state_of(target)["badges"]


def test_a_resume_ends_its_own_former_worker_and_no_other_run_of_the_source(urls: Urls) -> None:
    source, target = urls
    dead, other = holder_name("mig", host="dead", process=1), holder_name("mig", host="other", process=2)
    with (
        psycopg.connect(target, application_name=dead),
        StoreLock(source, "exclusive", dead),
        psycopg.connect(source, application_name=other) as alive,
    ):
        assert end_stale_sessions(source_at(source), target_at(target), keep=holder_name("mig")) == 2
        assert alive.execute("SELECT 1").fetchone() == (1,)
        names = "SELECT string_agg(application_name, ',') FROM pg_stat_activity WHERE datname = current_database()"
        assert dead not in scalar(source, names)


@pytest.mark.parametrize("end", [0, 1])
def test_a_run_stops_when_a_server_ends_the_session_of_its_lock(urls: Urls, end: int) -> None:
    def end_lock(follower: Follower) -> bool:
        if follower.seen and follower.seen[-1].phase is Phase.VERIFY and not follower.events:
            with psycopg.connect(urls[end], autocommit=True) as connection:
                (holder,) = lock_holders(connection)
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", (holder.backend_pid,))
            follower.events.append("ended")
        return False

    ends = source_at(urls[0]), target_at(urls[1])
    with pytest.raises(RunInterruptedError):
        run(make_plan(*ends, Decisions()), *ends, Follower(Paused(), end_lock), chunk_rows=200)
    assert scalar(urls[1], "SELECT state FROM mosaic_migration.run") != "verified"
    assert migrate(*urls, chunk_rows=200).state is OutcomeState.VERIFIED


def test_rejected_rows_can_be_accepted_afterwards_without_copying_again(urls: Urls) -> None:
    source, target = urls
    load(source, "CREATE TABLE cups (id int PRIMARY KEY, owner_id uuid); INSERT INTO cups VALUES (1, NULL)")
    load(source, "ALTER TABLE tasks DROP CONSTRAINT tasks_title_length; UPDATE tasks SET title = '' WHERE position < 1")
    bad = scalar(source, "SELECT count(*) FROM tasks WHERE title = ''")
    ends, decisions = (source_at(source), target_at(target)), Decisions(skip_tables={"cups": "empty"})
    permitted = replace(decisions, allow_rejects=bad)
    stopped_in(Phase.VERIFY, Cancelled(), source, target, permitted)
    plan = make_plan(*ends, replace(permitted, allow_rejects=bad + 1, allow_sessions=True))
    assert plan.is_ready, plan.blocking_checks
    outcome = run(plan, *ends, chunk_rows=200)
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, bad)
    assert scalar(target, "SELECT plan_hash FROM mosaic_migration.run") == outcome.certificate["plan_hash"] == plan.hash
    other = make_plan(*ends, replace(permitted, skip_tables={}, carry_tables=("cups",)))
    assert failing(other) == {"MOS-MIG-021"}


def test_rows_that_refer_to_rejected_rows_are_rejected_with_them(urls: Urls) -> None:
    source, target = urls
    teams = "SELECT conname FROM pg_constraint WHERE conrelid = 'projects'::regclass AND contype = 'f' AND confrelid = "
    constraint = scalar(source, teams + "'teams'::regclass")
    nowhere, project, note = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "789")
    load(
        source,
        f'ALTER TABLE projects DROP CONSTRAINT "{constraint}";'
        "INSERT INTO projects (id, owner_id, team_id, name) "
        f"SELECT '{project}', id, '{nowhere}', 'p' FROM users LIMIT 1;"
        f"INSERT INTO notes (id, owner_id, project_id, title) SELECT '{note}', id, '{project}', 'n' FROM users LIMIT 1;"
        "CREATE TABLE pins (code text PRIMARY KEY, note_id uuid REFERENCES notes ON DELETE CASCADE);"
        f"INSERT INTO pins VALUES ('lost', '{note}'), ('kept', NULL)",
    )
    outcome = migrate(source, target, Decisions(carry_tables=("pins",), allow_rejects=3))
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 3), outcome.verification
    assert scalar(target, "SELECT string_agg(row_key, ',' ORDER BY row_key) FROM mosaic_migration.reject") == (
        f"{project},{note},lost"
    )


def test_a_run_that_ends_as_soon_as_its_tables_are_made_is_resumed(
    plain_postgres: Any, postgres: Any, make_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = make_database(plain_postgres), make_database(postgres)
    load(source, "CREATE TYPE size AS ENUM ('s', 'l'); CREATE TABLE gadgets (id int PRIMARY KEY, size size)")
    load(source, "INSERT INTO gadgets VALUES (1, 's')")
    decisions = Decisions(carry_tables=("gadgets",))
    with monkeypatch.context() as patch:
        patch.setattr(ledger_rows, "set_phase", lambda *_: (_ for _ in ()).throw(Cancelled()))
        with pytest.raises(Cancelled):
            run(make_plan(source_at(source), target_at(target), decisions), source_at(source), target_at(target))
    outcome = run(make_plan(source_at(source), target_at(target), decisions), source_at(source), target_at(target))
    assert outcome.state is OutcomeState.VERIFIED
    assert scalar(target, "SELECT size FROM gadgets") == "s"
