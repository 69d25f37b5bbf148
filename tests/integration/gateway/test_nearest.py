"""Insights by embedding, on a real federated gateway with the indexes that a migration builds."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from store.vector import hnsw_index
from tests.integration.gateway.conftest import OWNER, PROJECT, Gateway, end, federated, new_gateway, prepare

pytestmark = pytest.mark.integration
ROWS, STEP = 40, 4  # rows of each dimension, and the degrees between them: less would drown in halfvec's eleven bits
DIMENSIONS = (3, 2_400, 4_100)  # indexed as vector, indexed as halfvec, not indexed


def turned(degrees: float, dimension: int) -> list[float]:
    """Return a unit vector at an angle in the plane of the first two axes."""
    angle = math.radians(degrees)
    return [math.cos(angle), math.sin(angle), *[0.0] * (dimension - 2)]


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres, django_db_blocker: Any) -> Iterator[str]:
    name = f"nearest_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        with django_db_blocker.unblock():
            prepare(postgres.url_for(name), vector=True)
        fill(postgres.url_for(name))
        connection.execute(f"ALTER DATABASE {name} SET enable_seqscan = off")  # so few rows need no index otherwise
        yield postgres.url_for(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def fill(url: str) -> None:
    """Insights in a fan, for each dimension; every fourth belongs to the project."""
    rows = [
        (
            OWNER,
            None if n % 4 else PROJECT,
            f"{n} of {dimension}",
            str(turned(STEP * n, dimension)),
            dimension,
        )
        for dimension in DIMENSIONS
        for n in range(ROWS)
    ]
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO insights (owner_id, project_id, content, embedding, embedding_dim)"
            " VALUES (%s, %s, %s, %s::vector, %s)",
            rows,
        )
        cursor.execute("INSERT INTO insights (owner_id, embedding, embedding_dim) VALUES (%s, '[0,0,0]', 3)", (OWNER,))
        for dimension in DIMENSIONS:
            if statement := hnsw_index(dimension):
                cursor.execute(statement)


@pytest.fixture(scope="module")
def gateway(url: str, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = new_gateway(tmp_path_factory.mktemp("nearest") / "gateway", federated(url, valkey.url))
    made.start()
    yield made
    end(made)


def ask(gateway: Gateway, embedding: list[float], **more: Any) -> list[dict[str, Any]]:
    answer = gateway.ask("POST", "/v1/insights/nearest", json={"embedding": embedding, **more})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def scans(url: str, index: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = %s", (index,)
        ).fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_nearest_come_first_with_their_cosine_distance(gateway: Gateway, dimension: int) -> None:
    found = ask(gateway, [7 * number for number in turned(0, dimension)], limit=3)
    assert [row["content"] for row in found] == [f"{n} of {dimension}" for n in (0, 1, 2)]
    for n, row in enumerate(found):
        assert row["distance"] == pytest.approx(1 - math.cos(math.radians(STEP * n)), abs=1e-3)
    assert "embedding" not in found[0]


@pytest.mark.parametrize("dimension", [3, 2_400])
def test_the_index_of_the_dimension_answers(gateway: Gateway, url: str, dimension: int) -> None:
    index = f"insights_embedding_hnsw_{dimension}"
    before = scans(url, index)
    ask(gateway, turned(40, dimension))
    assert scans(url, index) > before


def test_a_filter_that_few_rows_pass_still_fills_the_answer(gateway: Gateway) -> None:
    found = ask(gateway, turned(0, 3), limit=10, project=PROJECT, kind="fact")
    assert [row["content"] for row in found] == [f"{n} of 3" for n in range(0, ROWS, 4)]
    assert ask(gateway, turned(0, 3), kind="summary") == []


def test_more_than_the_indexs_usual_candidates_can_be_had(gateway: Gateway) -> None:
    assert len(ask(gateway, turned(0, 3), limit=100)) == ROWS  # the vector of zeros is near to nothing


@pytest.mark.parametrize(
    ("embedding", "word"),
    [
        ([0.0, 0.0, 0.0], "zeros"),
        ([1.0, 0.0], "2 dimensions"),
        ([], "embedding"),
        ([1.0] * 16_001, "embedding"),
        ([1e200, 0.0, 0.0], "store cannot keep"),
    ],
)
def test_an_embedding_that_cannot_be_compared_is_refused(gateway: Gateway, embedding: list[float], word: str) -> None:
    answer = gateway.ask("POST", "/v1/insights/nearest", json={"embedding": embedding})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "MOS-GW-021"), answer.text
    assert word in error["message"]
    if word == "2 dimensions":
        assert sorted(error["context"]["dimensions"]) == sorted(DIMENSIONS)


def test_insights_are_listed_and_shown_without_their_embeddings(gateway: Gateway) -> None:
    listed = gateway.ask("GET", "/v1/insights", params={"project": PROJECT, "kind": "fact", "limit": 1}).json()["items"]
    shown = gateway.ask("GET", f"/v1/insights/{listed[0]['id']}").json()
    assert shown == listed[0]
    assert shown["embedding_dim"] in DIMENSIONS
    assert "embedding" not in shown


@pytest.mark.parametrize(
    "body", [{"embedding": [True, False, True]}, {"embedding": ["1", 0, 0]}, {"embedding": [1], "limit": True}]
)
def test_what_is_no_number_is_refused(gateway: Gateway, body: dict[str, Any]) -> None:
    assert gateway.ask("POST", "/v1/insights/nearest", json=body).status_code == 422
