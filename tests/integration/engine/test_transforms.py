"""Embeddings as installs keep them, all of which become vectors or are rejected with a reason; other conversions."""

from __future__ import annotations

from typing import Any

import pytest

from migration.engine import make_plan, verify
from migration.engine.model import Decisions, OutcomeState
from tests.integration.engine.support import load, migrate, scalar, source_at, target_at

Urls = tuple[str, str]
STORE = """
CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text NOT NULL, display_name text NOT NULL);
INSERT INTO users (email, display_name) VALUES ('a@example.org', 'A');
CREATE TABLE insights (id int PRIMARY KEY, owner_id uuid NOT NULL REFERENCES users (id), content text NOT NULL,
  embedding {type}{dim});
INSERT INTO insights SELECT n, u.id, 'fact ' || n, v{dim_value} FROM users u,
  (VALUES {values}) AS t (n, v{dim_name});
"""
GOOD = ("1,2.5,-3e-7", "0,0,0", "16777217,0.1,3.4e38")
# sqlstate and the value behind it, in the words of each type
BAD_ANY = {"NaN": "22000", "Infinity": "22000"}


def load_insights(url: str, type_name: str, values: list[str | None], dims: list[int] | None = None) -> None:
    rows = []
    for n, value in enumerate(values):
        shown = "NULL" if value is None else f"'{value}'"
        rows.append(f"({n}, {shown}::{type_name}" + (f", {dims[n]})" if dims else ")"))
    has = dims is not None
    load(
        url,
        STORE.format(
            type=type_name,
            dim=", embedding_dim int" if has else "",
            dim_name=", d" if has else "",
            dim_value=", d" if has else "",
            values=", ".join(rows),
        ),
    )


def literal_of(type_name: str, numbers: str) -> str:
    return f"{{{numbers}}}" if type_name.endswith("[]") else f"[{numbers}]"


def rejected(url: str) -> dict[str, str]:
    found = scalar(url, "SELECT jsonb_object_agg(row_key, sqlstate) FROM mosaic_migration.reject")
    return found or {}


@pytest.mark.parametrize("type_name", ["real[]", "double precision[]", "numeric[]", "text", "varchar", "json", "jsonb"])
def test_embeddings_of_any_keeping_become_vectors_of_the_same_numbers(urls: Urls, type_name: str) -> None:
    source, target = urls
    values = [literal_of(type_name, numbers) for numbers in GOOD]
    spaced = " [ 1 ,\n 2 ]" if not type_name.endswith("[]") else "{1,2}"
    load_insights(source, type_name, [*values, spaced, None])
    outcome = migrate(source, target)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    query = "SELECT string_agg(coalesce(embedding::real[]::text, '-'), ' ' ORDER BY content) FROM insights"
    assert scalar(target, query) == "{1,2.5,-3e-07} {0,0,0} {1.6777216e+07,0.1,3.4e+38} {1,2} -"
    assert scalar(target, "SELECT array_agg(DISTINCT embedding_dim ORDER BY embedding_dim) FROM insights") == [
        2,
        3,
        None,
    ]
    plan = make_plan(source_at(source), target_at(target), Decisions())
    assert verify(plan, source_at(source), target_at(target), mode="exact").is_equal


@pytest.mark.parametrize("type_name", ["real[]", "double precision[]", "text", "jsonb"])
def test_an_embedding_that_no_vector_can_be_is_foretold_and_rejected_with_its_reason(
    urls: Urls, type_name: str
) -> None:
    source, target = urls
    bad = {
        "real[]": ["{NaN,1}", "{1,Infinity}", "{}", "{1,NULL}", "{{1,2},{3,4}}"],
        "double precision[]": ["{NaN,1}", "{1e300}", "{1e-300}", "{}"],
        "text": ["[NaN,1]", "[1,,2]", "nonsense", "", "[]", "[1e999]", "[1,2", "{1,null}"],
        "jsonb": ['{"a": 1}', "[]", '["x"]', "[1, null]", "[[1],[2]]", "1"],
    }[type_name]
    good = [literal_of(type_name, numbers) for numbers in GOOD]
    load_insights(source, type_name, [*good, *bad])
    plan = make_plan(source_at(source), target_at(target), Decisions())
    assert {check.code for check in plan.blocking_checks} == {"MOS-MIG-013"}
    assert any("embedding" in check.message for check in plan.blocking_checks)
    outcome = migrate(source, target, Decisions(allow_rejects=len(bad)))
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, len(bad)), outcome.verification
    keys = {str(n + len(good)) for n in range(len(bad))}
    assert set(rejected(target)) == keys
    assert (
        scalar(target, "SELECT count(*) FROM mosaic_migration.reject WHERE reason = 'the target refused the row'") == 0
    )
    assert scalar(target, "SELECT count(*) FROM insights") == len(good)
    again = migrate(source, target, Decisions(allow_rejects=len(bad)))  # verified again, with the same rows left out
    assert (again.state, again.changed) == (OutcomeState.VERIFIED, False)


def test_a_wrong_dimension_is_rejected(urls: Urls) -> None:
    source, target = urls
    load_insights(source, "real[]", ["{1,2}", "{1,2,3}"], [2, 2])
    assert not make_plan(source_at(source), target_at(target), Decisions()).is_ready
    outcome = migrate(source, target, Decisions(allow_rejects=1))
    assert (outcome.state, outcome.rejects) == (OutcomeState.VERIFIED, 1), outcome.verification
    assert rejected(target) == {"1": "23514"}


def test_vectors_of_a_source_with_pgvector_arrive_bit_by_bit(urls: Urls, postgres: Any, make_database: Any) -> None:
    source, target = make_database(postgres, "vector"), urls[1]
    load_insights(source, "vector", [f"[{numbers}]" for numbers in GOOD])
    load(source, "CREATE TABLE faces (id int PRIMARY KEY, face vector(3)); INSERT INTO faces VALUES (1, '[1,2,0.1]')")
    load(source, "CREATE INDEX faces_face ON faces USING hnsw (face vector_l2_ops)")
    outcome = migrate(source, target, Decisions(carry_tables=("faces",)), verify_mode="exact")
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    for table, column in (("insights", "embedding"), ("faces", "face")):
        query = f"SELECT string_agg(encode(vector_send({column}), 'hex'), ' ' ORDER BY {column}) FROM {table}"
        assert scalar(source, query) == scalar(target, query)
    assert scalar(target, "SELECT count(*) FROM pg_indexes WHERE indexname = 'faces_face'") == 1
