"""The data API of a running gateway, on a real store."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.integration.gateway.conftest import OWNER, PROJECT, Gateway

TASK = {"owner_id": OWNER, "title": "t"}


def all_pages(shared_gateway: Gateway, path: str, limit: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = shared_gateway.ask("GET", path, params={"limit": limit, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        rows += page["items"]
        if page["next_cursor"] is None:
            return rows
        cursor = page["next_cursor"]


def test_list_tasks_gives_every_task_once_newest_first(shared_gateway: Gateway) -> None:
    rows = all_pages(shared_gateway, "/v1/tasks", 7)
    assert len({row["id"] for row in rows}) == len(rows) >= 100
    assert [(row["created_at"]) for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)


def test_list_tasks_filters_by_status_project_and_assignee(shared_gateway: Gateway) -> None:
    done = shared_gateway.ask("GET", "/v1/tasks", params={"status": "done", "limit": 200}).json()["items"]
    assert len([row for row in done if row["title"].startswith("Task ")]) == 50
    assert {row["status"] for row in done} == {"done"}
    of_project = shared_gateway.ask("GET", "/v1/tasks", params={"project": PROJECT, "limit": 200}).json()["items"]
    assert len(of_project) == 20
    assert shared_gateway.ask("GET", "/v1/tasks", params={"assignee": OWNER}).json()["items"] == []


def test_a_task_is_created_changed_shown_and_deleted(shared_gateway: Gateway) -> None:
    created = shared_gateway.ask(
        "POST",
        "/v1/tasks",
        json={"owner_id": OWNER, "title": "Größe “prüfen”", "labels": ["a"], "metadata": {"k": [1]}},
    )
    assert created.status_code == 201, created.text
    task = created.json()
    assert (task["title"], task["labels"], task["metadata"]) == ("Größe “prüfen”", ["a"], {"k": [1]})
    changed = shared_gateway.ask("PATCH", f"/v1/tasks/{task['id']}", json={"status": "done"}).json()
    assert changed["completed_at"] is not None
    assert changed["title"] == task["title"]
    assert shared_gateway.ask("DELETE", f"/v1/tasks/{task['id']}").status_code == 204
    gone = shared_gateway.ask("GET", f"/v1/tasks/{task['id']}")
    assert gone.status_code == 404
    assert gone.json()["error"]["code"] == "MOS-GW-022"


def test_a_note_is_created_and_listed_with_projects_teams_and_users(shared_gateway: Gateway) -> None:
    note = shared_gateway.ask(
        "POST", "/v1/notes", json={"owner_id": OWNER, "title": "N", "body": "*b*", "pinned": True}
    )
    assert note.status_code == 201, note.text
    listed = shared_gateway.ask("GET", "/v1/notes", params={"pinned": "true"}).json()["items"]
    assert [row["id"] for row in listed] == [note.json()["id"]]
    assert [row["name"] for row in shared_gateway.ask("GET", "/v1/projects").json()["items"]] == ["Engine"]
    assert [row["email"] for row in shared_gateway.ask("GET", "/v1/users").json()["items"]] == ["ada@example.org"]
    assert shared_gateway.ask("GET", "/v1/insights").json() == {"items": [], "next_cursor": None}


@pytest.fixture(scope="module")
def team(shared_url: str) -> str:
    with psycopg.connect(shared_url) as connection:
        row = connection.execute("INSERT INTO teams (name, slug) VALUES ('Analysts', 'ana') RETURNING id").fetchone()
        connection.execute("UPDATE projects SET team_id = %s", row)
    assert row
    return str(row[0])


def test_projects_teams_and_users_are_listed_filtered_and_shown(shared_gateway: Gateway, team: str) -> None:
    def listed(path: str, **params: Any) -> list[Any]:
        return [row["id"] for row in shared_gateway.ask("GET", path, params=params).json()["items"]]

    assert listed("/v1/projects", status="active", team=team, owner=OWNER) == [PROJECT]
    assert listed("/v1/projects", status="done") == []
    assert listed("/v1/teams", slug="ana") == [team]
    assert listed("/v1/teams", slug="other") == []
    assert listed("/v1/users", role="member", is_active=True) == [OWNER]
    assert listed("/v1/users", is_active=False) == []
    for address, member, value in [
        (f"projects/{PROJECT}", "name", "Engine"),
        (f"teams/{team}", "slug", "ana"),
        (f"users/{OWNER}", "email", "ada@example.org"),
    ]:
        assert shared_gateway.ask("GET", f"/v1/{address}").json()[member] == value
    assert shared_gateway.ask("GET", f"/v1/teams/{OWNER}").status_code == 404


def test_tasks_are_filtered_by_everything_they_refer_to(shared_gateway: Gateway, team: str) -> None:
    parent = shared_gateway.ask("POST", "/v1/tasks", json={**TASK, "team_id": team, "priority": "urgent"}).json()
    child = shared_gateway.ask(
        "POST", "/v1/tasks", json={**TASK, "parent_task_id": parent["id"], "assignee_id": OWNER}
    ).json()
    for params, task in [
        ({"team": team}, parent),
        ({"priority": "urgent", "owner": OWNER}, parent),
        ({"parent": parent["id"]}, child),
        ({"assignee": OWNER, "status": "todo"}, child),
    ]:
        found = shared_gateway.ask("GET", "/v1/tasks", params=params).json()["items"]
        assert [row["id"] for row in found] == [task["id"]], params
    for task in (child, parent):
        shared_gateway.ask("DELETE", f"/v1/tasks/{task['id']}")


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/v1/tasks?status=finished", {}, 422, "MOS-GW-021"),
        ("GET", "/v1/tasks?cursor=%21", {}, 422, "MOS-GW-021"),
        ("GET", "/v1/tasks?cursor=WzEsMl0", {}, 422, "MOS-GW-021"),
        ("GET", "/v1/tasks?limit=0", {}, 422, "MOS-GW-021"),
        ("GET", "/v1/nothing", {}, 404, "MOS-GW-022"),
        ("GET", "/v1/tasks/00000000-0000-4000-8000-00000000dead", {}, 404, "MOS-GW-022"),
        ("POST", "/v1/tasks", {"content": b"{"}, 422, "MOS-GW-021"),
        ("POST", "/v1/tasks", {"json": {"owner_id": OWNER, "title": ""}}, 422, "MOS-GW-021"),
        ("POST", "/v1/tasks", {"json": {"owner_id": OWNER, "title": "a\0b"}}, 422, "MOS-GW-021"),
        ("POST", "/v1/tasks", {"content": f'{{"owner_id": "{OWNER}", "title": "\\ud800"}}'}, 422, "MOS-GW-021"),
        ("POST", "/v1/tasks", {"json": {"owner_id": OWNER, "title": "t", "metadata": {"k": "\0"}}}, 422, "MOS-GW-021"),
        ("POST", "/v1/tasks", {"json": {"owner_id": OWNER, "title": "t", "titel": "x"}}, 422, "MOS-GW-021"),
        ("POST", "/v1/tasks", {"json": {"owner_id": PROJECT, "title": "t"}}, 409, "MOS-GW-023"),
        ("PATCH", "/v1/tasks/00000000-0000-4000-8000-00000000dead", {"json": {"title": "t"}}, 404, "MOS-GW-022"),
        ("GET", "/v1/tasks?stauts=done", {}, 422, "MOS-GW-021"),
        ("GET", "/v1/search?q=a&kinds=task", {}, 422, "MOS-GW-021"),
        ("GET", "/v1/tasks?project=engine", {}, 422, "MOS-GW-021"),
        ("GET", "/v1/tasks/not-a-uuid", {}, 404, "MOS-GW-022"),
        ("PUT", "/v1/tasks", {"json": {}}, 405, "MOS-GW-028"),
        ("DELETE", "/v1/users/00000000-0000-4000-8000-000000000001", {}, 405, "MOS-GW-028"),
        ("POST", "/v1/tasks", {"content": b"\xff\xfe"}, 422, "MOS-GW-021"),
        ("POST", "/v1/tasks", {"content": b"[" * 100_000}, 422, "MOS-GW-021"),
        ("POST", "/v1/tasks", {"content": b" " * 8_100_000}, 413, "MOS-GW-025"),
        ("POST", "/v1/tasks", {"json": {**TASK, "due_at": "9999-12-31T23:00:00-10:00"}}, 422, "MOS-GW-021"),
        ("POST", "/v1/tasks", {"json": {**TASK, "position": "1e200000"}}, 422, "MOS-GW-021"),
        (
            "POST",
            "/v1/tasks",
            {"content": f'{{"owner_id": "{OWNER}", "title": "t", "metadata": {{"k": NaN}}}}'},
            422,
            "MOS-GW-021",
        ),
        ("POST", "/v1/insights/nearest", {"json": {"embedding": [1.0, 0.0]}}, 409, "MOS-GW-027"),
    ],
)
def test_bad_requests_have_the_one_error_shape(
    shared_gateway: Gateway, method: str, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    answer = shared_gateway.ask(method, path, **options)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert answer.json()["error"]["remediation"]


@pytest.mark.parametrize("path", ["/v1/tasks", "/control/status"])
def test_a_wrong_token_is_refused_without_a_word_of_the_right_one(shared_gateway: Gateway, path: str) -> None:
    answer = shared_gateway.ask("GET", path, token="wrong")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "MOS-GW-020")
    assert shared_gateway.token not in answer.text
