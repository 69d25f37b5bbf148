"""Tables that are more than a list of rows: inheritance, partitions. Judged by a comparator that shares no code."""

from __future__ import annotations

from typing import Any

import pytest

from migration.engine import make_plan
from migration.engine.model import CheckStatus, Decisions, OutcomeState, Phase, Plan
from tests.comparator import compare, derive_mapping
from tests.fingerprint import catalog_of, compare_catalogs
from tests.integration.engine.support import Follower, load, migrate, run, scalar, source_at, target_at

Urls = tuple[str, str]

STORE_DEFAULTS = (
    "origin_id", "updated_at", "created_at", "deleted_at", "handle", "role", "timezone", "locale", "is_active"
)  # fmt: skip
FAMILY = """
CREATE TABLE animals (id int PRIMARY KEY, name text NOT NULL, CHECK (name <> ''));
CREATE TABLE cats (lives int NOT NULL DEFAULT 9, PRIMARY KEY (id)) INHERITS (animals);
CREATE TABLE kittens (born date) INHERITS (cats);
INSERT INTO animals SELECT n, 'animal ' || n FROM generate_series(1, 30) n;
INSERT INTO cats SELECT n, 'cat ' || n FROM generate_series(31, 50) n;
INSERT INTO kittens SELECT n, 'kitten ' || n, 1, now() FROM generate_series(51, 57) n;
"""
STORE_FAMILY = """
CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL, display_name text NOT NULL);
CREATE TABLE former_users (left_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (id)) INHERITS (users);
INSERT INTO users SELECT gen_random_uuid(), 'u' || n || '@example.org', 'User ' || n FROM generate_series(1, 25) n;
INSERT INTO former_users
  SELECT gen_random_uuid(), 'gone' || n || '@example.org', 'Gone ' || n FROM generate_series(1, 5) n;
"""
PARTITIONED = """
CREATE TABLE visits (id bigint NOT NULL, day date NOT NULL, note text, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE visits_old PARTITION OF visits FOR VALUES FROM ('2020-01-01') TO ('2025-01-01');
CREATE TABLE visits_new PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2030-01-01') PARTITION BY HASH (id);
CREATE TABLE visits_new_0 PARTITION OF visits_new FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE visits_new_1 PARTITION OF visits_new FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE visits_rest PARTITION OF visits DEFAULT;
CREATE INDEX visits_note ON visits (note);
INSERT INTO visits SELECT n, '2024-06-01'::date + n, 'visit ' || n FROM generate_series(1, 500) n;
INSERT INTO visits VALUES (0, '2001-01-01', NULL);
"""


def planned(urls: Urls, decisions: Decisions) -> Plan:
    return make_plan(source_at(urls[0]), target_at(urls[1]), decisions)


def arrives(urls: Urls, decisions: Decisions, *tables: str, **options: Any) -> None:
    """Migrate, and hold every row of these tables equal on both ends."""
    outcome = migrate(*urls, decisions, **options)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert compare(*urls, mapping=derive_mapping(*urls, tables=tables, free=STORE_DEFAULTS)) == []


def test_each_table_of_a_family_is_decided_and_arrives_once(urls: Urls) -> None:
    load(urls[0], FAMILY)
    family = ("animals", "cats", "kittens")
    plan = planned(urls, Decisions(carry_tables=("animals",)))
    assert {(d.subject, d.rows) for d in plan.open_decisions} == {("cats", 20), ("kittens", 7)}
    decisions = Decisions(carry_tables=family)
    assert {t.name: t.rows for t in planned(urls, decisions).copied_tables} == dict(
        zip(family, (30, 20, 7), strict=True)
    )
    arrives(urls, decisions, *family, chunk_rows=8)
    assert scalar(urls[1], "SELECT count(*) FROM animals") == 30


def test_a_child_of_the_stores_own_table_does_not_end_up_in_it(urls: Urls) -> None:
    load(urls[0], STORE_FAMILY)
    arrives(urls, Decisions(skip_tables={"former_users": "left"}), "users")
    assert scalar(urls[1], "SELECT count(*) FROM users WHERE email LIKE 'gone%'") == 0


def test_the_plan_says_that_a_family_arrives_as_tables_of_their_own(urls: Urls) -> None:
    load(urls[0], FAMILY)
    plan = planned(urls, Decisions(carry_tables=("animals", "cats", "kittens")))
    (check,) = (check for check in plan.checks if check.code == "MOS-MIG-017")
    assert check.status is CheckStatus.WARN
    assert "cats inherits from animals" in check.message
    cats = next(table for table in plan.tables if table.name == "cats")
    assert "not carried: inheritance from animals" in cats.notes


def test_a_partitioned_table_arrives_whole_as_one_plain_table(urls: Urls) -> None:
    load(urls[0], PARTITIONED)
    plan = planned(urls, Decisions(carry_tables=("visits",)))
    (visits,) = (table for table in plan.tables if table.source_table.startswith("visits"))
    assert visits.rows == 501
    assert any("visits_new_1" in note for note in visits.notes)
    assert any("visits is partitioned" in check.message for check in plan.checks)
    arrives(urls, Decisions(carry_tables=("visits",)), "visits", chunk_rows=50)
    assert scalar(urls[1], "SELECT relkind FROM pg_class WHERE relname = 'visits'") == "r"
    assert scalar(urls[1], "SELECT count(*) FROM pg_indexes WHERE tablename = 'visits'") == 2
    assert scalar(urls[1], "SELECT count(*) FROM mosaic_migration.chunk WHERE table_name = 'visits'") == 11


KEYS = """
CREATE FUNCTION loud(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t)';
CREATE TYPE colour AS ENUM ('red', 'green', 'it''s');
CREATE DOMAIN short AS varchar(20) DEFAULT 'x' NOT NULL CONSTRAINT no_blank CHECK (VALUE <> ' ');
CREATE DOMAIN palette AS colour[];
CREATE SEQUENCE ticket_numbers INCREMENT BY 5 START WITH 100;
CREATE TABLE rooms (
  number int GENERATED ALWAYS AS IDENTITY (START WITH 7 INCREMENT BY 3),
  floor int NOT NULL, door text COLLATE "C" NOT NULL,
  ticket bigint NOT NULL DEFAULT nextval('ticket_numbers'), word text DEFAULT loud('a'), shade colour DEFAULT 'it''s',
  label short, shades palette, during tsrange NOT NULL,
  doors text GENERATED ALWAYS AS (door || floor) STORED, shout text GENERATED ALWAYS AS (loud(door)) STORED,
  CONSTRAINT rooms_key PRIMARY KEY (floor, door) INCLUDE (number),
  CONSTRAINT rooms_number UNIQUE (number) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT rooms_word UNIQUE NULLS NOT DISTINCT (word, floor),
  CONSTRAINT rooms_during EXCLUDE USING gist (during WITH &&),
  CONSTRAINT rooms_loud CHECK (loud(door) <> 'X')
);
CREATE INDEX rooms_loud_index ON rooms (loud(door));
CREATE UNIQUE INDEX rooms_ticket ON rooms (ticket);
CREATE TABLE guests (id int PRIMARY KEY, floor int, door text, ticket bigint,
  friend int REFERENCES guests (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT guests_room FOREIGN KEY (floor, door) REFERENCES rooms (floor, door) MATCH FULL ON DELETE SET NULL (door));
CREATE TABLE leaders (id int PRIMARY KEY, crew int);
CREATE TABLE crews (id int PRIMARY KEY, leader int NOT NULL REFERENCES leaders (id));
ALTER TABLE leaders ADD CONSTRAINT leaders_crew FOREIGN KEY (crew) REFERENCES crews (id);
INSERT INTO rooms (floor, door, word, shade, label, shades, during)
  SELECT n % 5, 'door ' || n, n, 'green', 'l', '{red,NULL,"it''s"}',
    tsrange('2024-01-01'::timestamp + n * interval '1 day',
  '2024-01-01'::timestamp + (n + 1) * interval '1 day') FROM generate_series(1, 2) n;
INSERT INTO rooms (floor, door, word, during) VALUES (9, 'high', NULL, '[2020-01-01,2020-01-02)');
INSERT INTO guests VALUES (1, 1, 'door 1', 1, 2), (2, NULL, NULL, NULL, 1);
INSERT INTO leaders VALUES (1, NULL); INSERT INTO crews VALUES (1, 1); UPDATE leaders SET crew = 1;
"""
NOT_VALID = """
ALTER TABLE rooms ADD CONSTRAINT rooms_floor CHECK (floor < 3) NOT VALID;
ALTER TABLE guests ADD CONSTRAINT guests_ticket_fkey FOREIGN KEY (ticket) REFERENCES rooms (ticket) NOT VALID;
"""
# What only a server with our function could have; the dry run names each.
LOUD = {
    ("index", "public.rooms_loud_index"),
    ("constraint", "public.rooms.rooms_loud"),
    ("column", "public.rooms.shout"),
    ("column", "public.rooms.word"),  # but for its default
}


def test_keys_rules_types_and_sequences_of_a_carried_table_are_the_sources(urls: Urls) -> None:
    load(urls[0], KEYS)
    load(urls[0], NOT_VALID)
    tables = ("rooms", "guests", "leaders", "crews")
    decisions = Decisions(carry_tables=tables)
    (rooms,) = (table for table in planned(urls, decisions).tables if table.name == "rooms")
    assert {note.split(":")[1].strip() for note in rooms.notes if "loud" in note} == {
        "the default of word", "the generated column shout", "check rooms_loud", "index rooms_loud_index"
    }  # fmt: skip
    arrives(urls, decisions, *tables, chunk_rows=2)
    wanted, found = (
        {k: v for k, v in catalog_of(url, schema="public").items() if k[1].split(".")[1] in NAMES} for url in urls
    )
    assert {(d.key[0], d.table) for d in compare_catalogs(wanted, found)} == LOUD
    assert scalar(urls[1], "SELECT nextval('ticket_numbers')") == scalar(urls[0], "SELECT nextval('ticket_numbers')")


NAMES = {
    "rooms", "guests", "leaders", "crews", "colour", "ticket_numbers", "rooms_number_seq", "rooms_key", "rooms_number",
    "rooms_word", "rooms_during", "rooms_loud_index", "rooms_ticket", "guests_pkey", "leaders_pkey", "crews_pkey",
}  # fmt: skip


OTHERS = """
CREATE VIEW pets AS SELECT * FROM animals;
CREATE MATERIALIZED VIEW counted AS SELECT 1 AS n;
CREATE FUNCTION meow() RETURNS text LANGUAGE sql AS 'SELECT 1::text';
CREATE EXTENSION pg_trgm;
"""


def test_the_plan_names_views_and_functions_that_stay_behind(urls: Urls) -> None:
    load(urls[0], FAMILY + OTHERS)
    plan = planned(urls, Decisions(carry_tables=("animals", "cats", "kittens")))
    (check,) = (check for check in plan.checks if check.name == "views and functions")
    assert check.message == "not carried: function meow, materialized view counted, view pets"
    assert plan.is_ready


@pytest.mark.parametrize(
    ("theirs", "named"),
    [
        ("CREATE TYPE colour AS ENUM ('theirs')", "type colour"),
        ("CREATE SEQUENCE ticket_numbers", "sequence ticket_numbers"),
        ("CREATE VIEW rooms AS SELECT 1 AS n", "view rooms"),
    ],
)
def test_a_name_that_is_taken_in_the_target_is_refused_in_the_plan(urls: Urls, theirs: str, named: str) -> None:
    load(urls[0], KEYS)
    load(urls[1], theirs)
    plan = planned(urls, Decisions(carry_tables=("rooms", "guests", "leaders", "crews")))
    assert [(c.code, named in c.message) for c in plan.blocking_checks] == [("MOS-MIG-007", True)]


HALF_KEYS = """
CREATE TABLE links (owner int, token text, word text, PRIMARY KEY (owner, token));
INSERT INTO links SELECT n % 3, 't' || n, CASE WHEN n % 10 = 0 THEN '' ELSE 'w' || n END FROM generate_series(1, 60) n;
ALTER TABLE links ADD CONSTRAINT links_word CHECK (word <> '') NOT VALID;
UPDATE pg_constraint SET convalidated = true WHERE conname = 'links_word';
CREATE TABLE only_secrets (token text PRIMARY KEY);
CREATE TABLE rather_full (id int PRIMARY KEY, name text);
INSERT INTO rather_full VALUES (1, NULL);
ALTER TABLE rather_full ADD CONSTRAINT named NOT NULL name NOT VALID;
SELECT lo_create(4711);
"""


def test_a_part_of_a_key_is_no_key_and_a_rule_that_rows_break_is_not_made(urls: Urls) -> None:
    load(urls[0], HALF_KEYS)
    tables = ("links", "only_secrets", "rather_full")
    plan = planned(urls, Decisions(carry_tables=tables))
    assert [c.name for c in plan.blocking_checks] == ["columns of only_secrets"]
    assert any("1 large objects" in check.message for check in plan.checks)
    assert next(table for table in plan.tables if table.name == "links").key == ()
    decisions = Decisions(carry_tables=("links", "rather_full"), skip_tables={"only_secrets": "test"}, allow_rejects=6)
    outcome = migrate(*urls, decisions)
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 6), outcome.verification
    assert scalar(urls[1], "SELECT count(*) FROM links") == 54
    assert scalar(urls[1], "SELECT count(*) FROM rather_full WHERE name IS NULL") == 1
    load(urls[0], "SELECT lo_unlink(4711)")


def test_writes_to_a_partition_during_the_run_are_noticed(urls: Urls) -> None:
    load(urls[0], PARTITIONED)
    ends = source_at(urls[0]), target_at(urls[1])
    plan = make_plan(*ends, Decisions(carry_tables=("visits",)))

    class Writer(Follower):
        def progress(self, progress: Any) -> None:
            if progress.phase is Phase.VERIFY and not self.seen:
                self.seen.append(progress)
                load(urls[0], "INSERT INTO visits VALUES (9999, '2026-01-01', 'late')")
                load(urls[0], "SELECT pg_stat_force_next_flush()")

    follower = Writer()
    assert run(plan, *ends, follower).state is OutcomeState.VERIFIED
    assert any("changed after the snapshot" in event for event in follower.events)
