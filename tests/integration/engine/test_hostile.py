"""Ends that mean harm, or that somebody set up unusually: what they hold is data, never a command of ours."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from migration.engine import make_plan
from migration.engine.connections import open_for_plan
from migration.engine.discard import discard
from migration.engine.model import Cancelled, Decisions, OutcomeState, Phase
from migration.engine.prepare import _create
from migration.errors import SchemaMismatchError
from migration.prepare import prepare_schema
from tests.integration.doctor.odd_servers import pgbouncer
from tests.integration.engine.support import (
    Follower,
    load,
    make_snake,
    migrate,
    run,
    scalar,
    source_at,
    target_at,
)

Urls = tuple[str, str]

# What stands in `public` under a name of the catalog's, with arguments that fit a call better than the catalog's own.
HIJACK = """
CREATE FUNCTION public.quote_ident(name) RETURNS text LANGUAGE plpgsql AS
  $$BEGIN RETURN $1::text || ' AS ENUM (''a''); CREATE TABLE public.injected (); CREATE TYPE public.x_' || $1; END$$;
CREATE FUNCTION public.hash_record_extended(record, int) RETURNS bigint LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'a function of the source ran as %', current_user; END$$;
CREATE FUNCTION public.convert_to(text, text) RETURNS bytea LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'a function of the source ran as %', current_user; END$$;
CREATE FUNCTION public.same(varchar, varchar) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'an operator of the source ran as %', current_user; END$$;
CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.same);
CREATE OPERATOR public.>= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.same);
CREATE FUNCTION public.more(oid, int) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'an operator of the source ran as %', current_user; END$$;
CREATE OPERATOR public.>= (LEFTARG = oid, RIGHTARG = int, FUNCTION = public.more);
"""
PLAIN = """
CREATE TYPE mood AS ENUM ('calm', 'it''s');
CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL, display_name text NOT NULL, role varchar(20));
CREATE TABLE agents (code varchar(20) PRIMARY KEY, mood mood NOT NULL, n serial);
INSERT INTO users SELECT gen_random_uuid(), 'u' || n || '@example.org', 'U', 'member' FROM generate_series(1, 20) n;
INSERT INTO agents SELECT 'a' || n, 'calm' FROM generate_series(1, 20) n;
"""


@pytest.fixture
def urls(plain_postgres: Any, postgres: Any, make_database: Any) -> Urls:
    return make_database(plain_postgres), make_database(postgres)


@pytest.mark.parametrize("mode", ["typed", "exact"])
def test_no_function_or_operator_of_the_source_runs(urls: Urls, mode: str) -> None:
    """Not as our role on the source, and no text that one makes up becomes a statement on the target."""
    load(urls[0], PLAIN + HIJACK)
    decisions = Decisions(carry_tables=("agents",))
    outcome = migrate(*urls, decisions, chunk_rows=7, verify_mode=mode)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert scalar(urls[1], "SELECT to_regclass('public.injected')::text") is None
    assert scalar(urls[1], "SELECT string_agg(enumlabel, ',' ORDER BY 1) FROM pg_enum") == "calm,it's"


def test_two_statements_in_one_never_reach_the_target(urls: Urls) -> None:
    """A server that is none of PostgreSQL's may print whatever it likes where a definition should stand."""
    load(urls[0], PLAIN)
    ends = source_at(urls[0]), target_at(urls[1])
    plan = make_plan(*ends, Decisions(carry_tables=("agents",)))
    tampered = tuple(
        replace(table, ddl=tuple(f"{statement}; CREATE TABLE injected ()" for statement in table.ddl))
        for table in plan.tables
    )
    with psycopg.connect(urls[1], autocommit=True) as connection, pytest.raises(SchemaMismatchError):
        _create(connection, replace(plan, tables=tampered))
    assert scalar(urls[1], "SELECT to_regclass('public.injected')::text") is None


def test_a_dry_run_through_a_pooler_leaves_nothing_behind(urls: Urls, tmp_path: Path) -> None:
    """The next program on the pooler's server session is the install's own gateway."""
    make_snake(urls[0], 10)
    with pgbouncer(urls[0], tmp_path / "bouncer") as pooled:
        make_plan(source_at(pooled), target_at(urls[1]), Decisions())
        open_for_plan(source_at(pooled), "mosaic resume").close()
        with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as gateway:
            names = ("default_transaction_read_only", "search_path", "row_security", "work_mem")
            found = {name: gateway.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in names}
    with psycopg.connect(urls[0]) as fresh:
        assert found == {name: fresh.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in names}


@pytest.mark.parametrize(
    "theirs",
    [
        "CREATE TRIGGER spy AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION spy()",
        "CREATE RULE spy AS ON INSERT TO users DO ALSO SELECT 1",
        "CREATE POLICY spy ON users USING (true)",
    ],
)
def test_code_of_somebodys_on_the_targets_tables_is_refused(urls: Urls, theirs: str) -> None:
    make_snake(urls[0], 10)
    prepare_schema(target_at(urls[1]))
    load(urls[1], "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    load(urls[1], theirs)
    plan = make_plan(source_at(urls[0]), target_at(urls[1]), Decisions())
    assert [(c.code, "spy on users" in c.message) for c in plan.blocking_checks] == [("MOS-MIG-007", True)]


ODD = """
CREATE TYPE "we""ird" AS ENUM ('a');
CREATE TABLE "50% off" (id int PRIMARY KEY, w "we""ird" NOT NULL);
INSERT INTO "50% off" SELECT n, 'a' FROM generate_series(1, 30) n;
"""
ODD_TABLE = Decisions(carry_tables=("50% off",))


def stopped(urls: Urls) -> None:
    ends = source_at(urls[0]), target_at(urls[1])
    follower = Follower(Cancelled(), lambda f: bool(f.seen) and f.seen[-1].phase is Phase.VERIFY)
    with pytest.raises(Cancelled):
        run(make_plan(*ends, ODD_TABLE), *ends, follower, chunk_rows=7)


def test_a_discard_drops_the_type_that_the_run_made_and_not_one_of_a_name_like_it(urls: Urls) -> None:
    load(urls[0], ODD)
    load(urls[1], """CREATE TYPE we AS ENUM ('theirs')""")
    stopped(urls)
    discard(target_at(urls[1]))
    assert scalar(urls[1], "SELECT string_agg(typname, ',') FROM pg_type WHERE typtype = 'e'") == "we"


def test_a_resume_finds_changed_rows_of_a_table_with_any_name(urls: Urls) -> None:
    load(urls[0], ODD)
    stopped(urls)
    load(urls[0], """UPDATE "50% off" SET id = id + 1000 WHERE id = 30""")
    assert migrate(*urls, ODD_TABLE, chunk_rows=7).state is OutcomeState.VERIFIED


SETTINGS = {
    "quote_all_identifiers": "on",
    "default_transaction_isolation": "'serializable'",
    "default_transaction_deferrable": "on",
    "lock_timeout": "'1ms'",
    "client_encoding": "'LATIN1'",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "search_path": "'nowhere'",
    "DateStyle": "'SQL, DMY'",
    "TimeZone": "'Pacific/Chatham'",
    "bytea_output": "'escape'",
    "IntervalStyle": "'iso_8601'",
    "extra_float_digits": "-5",
    "session_replication_role": "replica",
}
OF_EVERY_KIND = """
CREATE TABLE papers (id int PRIMARY KEY, words text[], raw bytea, took interval, at timestamptz, due date,
  f float8, g real);
INSERT INTO papers SELECT n, ARRAY['NULL', NULL, 'é€'], '\\x00ff', '1 mon 2 days 03:04:05.678901', now(), '2026-02-03',
  n / 3.0, n / 7.0 FROM generate_series(1, 20) n;
"""


@pytest.mark.parametrize("end", ["source", "target"])
def test_settings_of_a_database_change_neither_copy_nor_comparison(urls: Urls, end: str) -> None:
    load(urls[0], PLAIN + OF_EVERY_KIND)
    url = urls[end == "target"]
    name = urlsplit(url).path.lstrip("/")
    load(url, "; ".join(f"ALTER DATABASE {name} SET {setting} = {value}" for setting, value in SETTINGS.items()))
    outcome = migrate(*urls, Decisions(carry_tables=("agents", "papers")), chunk_rows=7, verify_mode="exact")
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification


WITH_EFFECTS = """
CREATE DOMAIN looked AS int CHECK (lo_create(VALUE::oid) > 0);
CREATE TABLE agents (id int PRIMARY KEY DEFAULT (random() * 1e9)::int, made timestamptz DEFAULT clock_timestamp(),
  n text DEFAULT query_to_xml('select 1', true, true, '')::text,
  CONSTRAINT seen CHECK (set_config('a.b', 'x', false) IS NOT NULL), CONSTRAINT fine CHECK (n <> 'x'));
CREATE TABLE others (id int PRIMARY KEY, n looked);
"""


def test_functions_that_do_something_stay_behind_though_they_are_postgresqls_own(urls: Urls) -> None:
    load(urls[0], WITH_EFFECTS)
    plan = make_plan(source_at(urls[0]), target_at(urls[1]), Decisions(carry_tables=("agents", "others")))
    agents = next(table for table in plan.tables if table.name == "agents")
    made = " ".join(agents.ddl)
    assert ("random()" in made, "clock_timestamp()" in made, "fine" in made) == (True, True, True)
    assert ("query_to_xml" in made, "set_config" in made) == (False, False)
    assert any("check seen: it needs function set_config" in note for note in agents.notes)
    assert [check.name for check in plan.blocking_checks] == ["type of others.n"]


def test_a_schema_named_like_the_role_gets_no_table(urls: Urls) -> None:
    make_snake(urls[0], 10)
    load(urls[1], f"CREATE SCHEMA {urlsplit(urls[1]).username}")
    assert migrate(*urls).state is OutcomeState.VERIFIED


def test_texts_in_a_column_of_words_stay_out_of_the_plan(urls: Urls) -> None:
    """Somebody wrote sentences into `role`: they are counted, and none is shown, the short ones neither."""
    load(urls[0], PLAIN + "ALTER TABLE users ALTER role TYPE text")
    load(urls[0], "UPDATE users SET role = 'Bea left' WHERE email = 'u1@example.org'")
    load(urls[0], f"UPDATE users SET role = 'Cem {'is ill ' * 10}' WHERE email = 'u2@example.org'")
    ends = source_at(urls[0]), target_at(urls[1])
    plan = make_plan(*ends, Decisions(skip_tables={"agents": "not here"}))
    told = json.dumps(plan.as_dict())
    assert ("Bea" in told, "is ill" in told) == (False, False)
    assert [decision.subject for decision in plan.open_decisions] == []
    (blocking,) = plan.blocking_checks
    assert blocking.message == "2 rows of users have no role that the store knows"
    (column,) = (c for table in plan.tables if table.name == "users" for c in table.columns if c.target == "role")
    assert "more than 63 characters" in column.note
    known = Decisions(skip_tables={"agents": "not here"}, allow_rejects=1, map_values={"users.role:Bea left": "guest"})
    outcome = migrate(*urls, known)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert scalar(urls[1], "SELECT role FROM users WHERE email = 'u1@example.org'") == "guest"
    assert scalar(urls[1], "SELECT count(*) FROM users") == 19
