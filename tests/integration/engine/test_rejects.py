"""Rows that the target refuses, each named on its own; and differences that a verification names."""

from __future__ import annotations

import psycopg
import pytest

from migration.engine import make_plan, rejects, verify
from migration.engine.model import Decisions, OutcomeState, VerifyMode
from tests.integration.engine.support import load, migrate, scalar, source_at, target_at

Urls = tuple[str, str]
ALIKE = "CREATE UNIQUE INDEX {0}_alike ON {0} (lower(word)); "


def rejected(url: str) -> list[tuple[str, str, str]]:
    query = "SELECT table_name, row_key, sqlstate FROM mosaic_migration.reject ORDER BY 1, 2"
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


BAD_USERS = """
CREATE TABLE users (id text PRIMARY KEY, email text NOT NULL, display_name text NOT NULL);
INSERT INTO users VALUES ('8E5B1F6E-54A1-4D6C-8A56-0F8A3F3ED001', 'A@example.org', 'upper'),
  ('8e5b1f6e-54a1-4d6c-8a56-0f8a3f3ed002', 'a@example.org', 'lower'), ('plain', 'b@example.org', 'no uuid');
CREATE TABLE notes (id text PRIMARY KEY, owner_id text NOT NULL, title text NOT NULL);
INSERT INTO notes VALUES ('AE5B1F6E-54A1-4D6C-8A56-0F8A3F3ED00A', 'nobody', 'upper orphan'), ('n', 'nobody', 'orphan'),
  ('m', 'plain', 'fine');
"""


def test_rejected_rows_with_mapped_ids_are_not_taken_for_differences(urls: Urls) -> None:
    load(urls[0], BAD_USERS)
    outcome = migrate(*urls, Decisions(allow_rejects=3))
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 3), outcome.verification
    assert [(table, key) for table, key, _ in rejected(urls[1])] == [
        ("notes", "ae5b1f6e-54a1-4d6c-8a56-0f8a3f3ed00a"),
        ("notes", "n"),
        ("users", "8e5b1f6e-54a1-4d6c-8a56-0f8a3f3ed002"),
    ]


COMPOSITE = """
CREATE TABLE parents (a int, b text, PRIMARY KEY (a, b));
CREATE TABLE children (id int PRIMARY KEY, "the a" int, b text);
CREATE TABLE "full %" (id int PRIMARY KEY, a int, b text);
INSERT INTO parents SELECT n, 'p' || n FROM generate_series(1, 20) n;
INSERT INTO children SELECT n, n, 'p' || n FROM generate_series(1, 20) n;
INSERT INTO children VALUES (21, 1, 'p2'), (22, NULL, 'p9'), (23, 99, 'p9');
INSERT INTO "full %" VALUES (1, 1, 'p1'), (2, NULL, 'p1'), (3, NULL, NULL);
"""
# A key that the source only believes in: it was never checked against the rows.
UNCHECKED = """
SET session_replication_role = replica;
ALTER TABLE children ADD CONSTRAINT children_parent FOREIGN KEY ("the a", b) REFERENCES parents (a, b)
  ON DELETE CASCADE;
ALTER TABLE "full %" ADD CONSTRAINT "full" FOREIGN KEY (a, b) REFERENCES parents (a, b) MATCH FULL;
"""


def test_orphans_of_keys_over_several_columns_are_rejected(urls: Urls) -> None:
    orphans = 'DELETE FROM children WHERE id IN (21, 23); DELETE FROM "full %" WHERE id = 2;'
    load(urls[0], COMPOSITE + orphans)
    load(urls[0], UNCHECKED)
    load(urls[0], "SET session_replication_role = replica; INSERT INTO children VALUES (21, 1, 'p2'), (23, 99, 'p9'); "
                  "INSERT INTO \"full %\" VALUES (2, NULL, 'p1')")  # fmt: skip
    decisions = Decisions(carry_tables=("parents", "children", "full %"), allow_rejects=3)
    outcome = migrate(*urls, decisions)
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 3), outcome.verification
    assert [(table, key) for table, key, _ in rejected(urls[1])] == [
        ("children", "21"), ("children", "23"), ("full %", "2")
    ]  # fmt: skip


def test_the_bad_rows_of_a_large_table_of_one_chunk_are_found_a_page_at_a_time(
    urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejects, "PAGE_ROWS", 100)
    load(
        urls[0], "CREATE TABLE sums (n numeric(9, 2) PRIMARY KEY, word text); ALTER TABLE sums ADD CHECK (word <> 'no')"
    )
    load(urls[0], "INSERT INTO sums SELECT n, 'ok' FROM generate_series(1, 1000) n")
    load(urls[0], "UPDATE pg_constraint SET conname = 'sums_word' WHERE conrelid = 'sums'::regclass AND contype = 'c'")
    load(
        urls[0], "ALTER TABLE sums DROP CONSTRAINT sums_word; UPDATE sums SET word = 'no' WHERE n IN (1, 10, 500, 1000)"
    )
    # as if the rule had come with a damaged dump: it stands, and rows break it
    load(urls[0], "ALTER TABLE sums ADD CONSTRAINT sums_word CHECK (word <> 'no') NOT VALID; "
                  "UPDATE pg_constraint SET convalidated = true WHERE conname = 'sums_word'")  # fmt: skip
    outcome = migrate(*urls, Decisions(carry_tables=("sums",), allow_rejects=4))
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 4), outcome.verification
    assert [key for _, key, _ in rejected(urls[1])] == ["1.00", "10.00", "1000.00", "500.00"]
    assert scalar(urls[1], "SELECT count(*) FROM sums") == 996


def test_bad_rows_of_a_table_without_a_key_are_named_by_a_hash(urls: Urls) -> None:
    load(urls[0], "CREATE TABLE words (word text); INSERT INTO words SELECT 'w' || n FROM generate_series(1, 50) n")
    load(urls[0], "INSERT INTO words VALUES ('secret-canary'), ('secret-canary'); "
                  "ALTER TABLE words ADD CONSTRAINT no_canary CHECK (word NOT LIKE 'secret%') NOT VALID; "
                  "UPDATE pg_constraint SET convalidated = true WHERE conname = 'no_canary'")  # fmt: skip
    outcome = migrate(*urls, Decisions(carry_tables=("words",), allow_rejects=2))
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 2), outcome.verification
    assert scalar(urls[1], "SELECT count(*) FROM words") == 50
    assert all(key.startswith("row ") for _, key, _ in rejected(urls[1]))
    load(urls[1], "UPDATE words SET word = 'w-canary' WHERE word = 'w7'")
    plan = make_plan(source_at(urls[0]), target_at(urls[1]), Decisions(carry_tables=("words",), allow_rejects=2))
    found = verify(plan, source_at(urls[0]), target_at(urls[1]))
    assert not found.is_equal
    assert any(table.differing_keys for table in found.tables)
    assert "canary" not in str(found)


UNCONVERTIBLE = """
CREATE TABLE users (id uuid, email text, display_name text, is_active text);
INSERT INTO users SELECT gen_random_uuid(), 'u' || n || '@example.org', 'U' || n, 'yes' FROM generate_series(1, 30) n;
INSERT INTO users VALUES (gen_random_uuid(), 'm@example.org', 'canary', 'perhaps');
CREATE TABLE notes (id uuid, owner_id uuid, title text);
INSERT INTO notes SELECT gen_random_uuid(), id, 'note' FROM users;
"""


def test_a_row_without_a_key_whose_value_has_no_conversion_is_rejected_and_so_are_those_that_refer_to_it(
    urls: Urls,
) -> None:
    load(urls[0], UNCONVERTIBLE)
    outcome = migrate(*urls, Decisions(allow_rejects=2))
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 2), outcome.verification
    assert [(table, state) for table, _, state in rejected(urls[1])] == [("notes", "23503"), ("users", "22P02")]
    assert all(key.startswith("row ") for _, key, _ in rejected(urls[1]))
    assert scalar(urls[1], "SELECT count(*) FROM users") == 30
    plan = make_plan(source_at(urls[0]), target_at(urls[1]), Decisions(allow_rejects=2))
    assert verify(plan, source_at(urls[0]), target_at(urls[1])).is_equal


TAMPERED = """
CREATE TABLE safe (id int PRIMARY KEY, word text, number numeric, doc jsonb, raw bytea, score float8, words text[],
  at timestamptz);
INSERT INTO safe SELECT n, 'word ' || n, (n || '.50')::numeric, '{"a": [1.0, "x"]}', '\\x00ff', n,
     ARRAY['a', NULL], '2024-01-01+00'
  FROM generate_series(1, 500) n;
CREATE TABLE twice (word text); INSERT INTO twice VALUES ('a'), ('a'), ('b');
"""
# one byte of one value: (what is set, whether it is another value of its type or only another text of the same)
BYTES = {
    "word = overlay(word PLACING 'W' FROM 1 FOR 1)": True,
    "word = word || ' '": True,
    "number = (number || '0')::numeric": False,
    'doc = \'{"a": [1.00, "x"]}\'': False,
    "raw = set_byte(raw, 1, 254)": True,
    "raw = set_bit(raw, 0, 1)": True,
    "score = score + 1e-10": True,
    "words[2] = ''": True,
    "at = at + interval '1 microsecond'": True,
}


def test_one_changed_byte_of_one_row_is_found_and_named(urls: Urls) -> None:
    load(urls[0], TAMPERED)
    decisions = Decisions(carry_tables=("safe", "twice"))
    assert migrate(*urls, decisions).state is OutcomeState.VERIFIED
    ends = source_at(urls[0]), target_at(urls[1])
    plan = make_plan(*ends, decisions)

    def differing(mode: VerifyMode) -> dict[str, tuple[str, ...]]:
        return {t.name: t.differing_keys for t in verify(plan, *ends, mode=mode).tables if not t.is_equal}

    load(urls[1], "CREATE SCHEMA spare; CREATE TABLE spare.safe AS TABLE safe")
    for n, (change, is_other_value) in enumerate(BYTES.items(), 100):
        load(urls[1], f"UPDATE safe SET {change} WHERE id = {n}")
        assert differing("exact") == {"safe": (str(n),)}, change
        assert (differing("typed") == {"safe": (str(n),)}) is is_other_value, change
        load(urls[1], f"DELETE FROM safe WHERE id = {n}; INSERT INTO safe SELECT * FROM spare.safe WHERE id = {n}")
    assert differing("exact") == {}


def test_a_row_that_is_there_once_too_often_is_found(urls: Urls) -> None:
    load(urls[0], TAMPERED)
    decisions = Decisions(carry_tables=("safe", "twice"))
    migrate(*urls, decisions)
    load(urls[1], "INSERT INTO twice VALUES ('a')")
    ends = source_at(urls[0]), target_at(urls[1])
    (found,) = (t for t in verify(make_plan(*ends, decisions), *ends).tables if not t.is_equal)
    assert (found.name, found.source_rows, found.target_rows, len(found.differing_keys)) == ("twice", 3, 4, 1)
