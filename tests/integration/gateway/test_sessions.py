"""Agent sessions and search on a running gateway and a real store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.integration.gateway.conftest import OWNER, Gateway


def open_one(gateway: Gateway) -> str:
    answer = gateway.ask("POST", "/v1/conversations", json={"owner_id": OWNER, "title": "Plan", "model": "m-1"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def append(gateway: Gateway, conversation: str, content: str, **more: Any) -> Any:
    answer = gateway.ask("POST", f"/v1/conversations/{conversation}/messages", json={"content": content, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def read_back(gateway: Gateway, conversation: str, limit: int = 2) -> list[Any]:
    rows: list[Any] = []
    cursor = None
    while True:
        params = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        page = gateway.ask("GET", f"/v1/conversations/{conversation}/messages", params=params).json()
        rows, cursor = rows + page["items"], page["next_cursor"]
        if cursor is None:
            return rows


def test_a_session_is_opened_appended_to_read_back_and_closed(shared_gateway: Gateway) -> None:
    conversation = open_one(shared_gateway)
    for number, role in enumerate(("system", "user", "assistant", "tool", "assistant"), start=1):
        assert append(shared_gateway, conversation, f"say {number}", role=role)["seq"] == number
    assert [row["content"] for row in read_back(shared_gateway, conversation)] == [f"say {n}" for n in range(1, 6)]
    shown = shared_gateway.ask("GET", f"/v1/conversations/{conversation}").json()
    assert shown["last_message_at"] == read_back(shared_gateway, conversation)[-1]["created_at"]
    assert shared_gateway.ask("POST", f"/v1/conversations/{conversation}/close").json()["status"] == "archived"
    late = shared_gateway.ask("POST", f"/v1/conversations/{conversation}/messages", json={"content": "late"})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "MOS-GW-023")
    listed = shared_gateway.ask("GET", "/v1/conversations", params={"status": "archived"}).json()["items"]
    assert conversation in [row["id"] for row in listed]


def test_messages_that_come_at_once_are_numbered_without_a_gap(shared_gateway: Gateway) -> None:
    conversation = open_one(shared_gateway)
    with ThreadPoolExecutor(6) as pool:
        rows = list(pool.map(lambda n: append(shared_gateway, conversation, f"m{n}"), range(12)))
    assert sorted(row["seq"] for row in rows) == list(range(1, 13))


def test_a_conversation_from_a_source_without_numbers_keeps_its_order(shared_gateway: Gateway, shared_url: str) -> None:
    conversation = open_one(shared_gateway)
    with psycopg.connect(shared_url) as connection:
        connection.execute(
            "INSERT INTO messages (conversation_id, content, created_at)"
            " SELECT %s, 'old ' || n, timestamptz '2025-01-01' + (n / 2) * interval '1 min'"
            " FROM generate_series(1, 5) AS n",
            (conversation,),
        )
    assert append(shared_gateway, conversation, "new")["seq"] is None
    rows = read_back(shared_gateway, conversation)
    assert len({row["id"] for row in rows}) == len(rows) == 6
    assert rows[-1]["content"] == "new"


@pytest.mark.parametrize("cursor", ["W10", "WzEsMiwzXQ", "e30", "!!"])
def test_a_made_up_cursor_is_refused(shared_gateway: Gateway, cursor: str) -> None:
    path = f"/v1/conversations/{open_one(shared_gateway)}/messages"
    assert shared_gateway.ask("GET", path, params={"cursor": cursor}).status_code == 422


def test_search_finds_every_word_in_every_kind_and_not_what_is_deleted(shared_gateway: Gateway) -> None:
    task = shared_gateway.ask("POST", "/v1/tasks", json={"owner_id": OWNER, "title": "Zebra 100% gap"}).json()
    note = shared_gateway.ask("POST", "/v1/notes", json={"owner_id": OWNER, "body": "a zebra, and the GAP"}).json()
    message = append(shared_gateway, open_one(shared_gateway), "gap of the Zebra")

    def found(**params: Any) -> set[str]:
        return {hit["id"] for hit in shared_gateway.ask("GET", "/v1/search", params=params).json()["items"]}

    assert found(q="zebra gap") == {task["id"], note["id"], message["id"]}
    assert found(q="zebra gap", kind=["note", "message"]) == {note["id"], message["id"]}
    assert found(q="zebra 0%") == {task["id"]}
    assert found(q="zebra _") == set()
    shared_gateway.ask("DELETE", f"/v1/notes/{note['id']}")
    assert found(q="zebra gap") == {task["id"], message["id"]}


@pytest.mark.parametrize("params", [{}, {"q": " "}, {"q": "a b c d e f g h i"}, {"q": "a", "kind": "user"}])
def test_a_search_that_cannot_be_asked_is_refused(shared_gateway: Gateway, params: dict[str, str]) -> None:
    answer = shared_gateway.ask("GET", "/v1/search", params=params)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "MOS-GW-021")
