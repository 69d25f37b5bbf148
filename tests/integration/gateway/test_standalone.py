"""The standalone tier as it was before there was a federated one: a whole session, and nothing of the new in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from compose.embedded import EmbeddedValkey
from tests.integration.gateway.conftest import OWNER, PROJECT, Gateway, standalone

pytestmark = pytest.mark.integration
# DESIGN §3 names the first four; the others have no business in a process that serves
ABSENT = ("federation", "pgvector", "store.vector", "compose", "gateway.nearest", "migration", "celery")

PROGRAM = """
import atexit, os, sys
atexit.register(lambda: open({dump!r} + str(os.getpid()), "w").write(" ".join(sys.modules)))
from mosaic_admin.cli import main
main(["gateway", "start"])
"""


def test_an_agents_session_on_standalone_needs_nothing_of_the_federated_tier(
    make_gateway: Callable[..., Gateway], store_url: str, valkey: EmbeddedValkey
) -> None:
    """PostgreSQL without the pgvector library, Valkey as the queue, in processes that begin here."""
    with psycopg.connect(store_url) as connection:
        found = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchall()
    assert found == []
    gateway = make_gateway(standalone(store_url, {"type": "bullmq", "url": valkey.url}))
    dump = gateway.home / "modules-"
    gateway.start(python=["-c", PROGRAM.format(dump=str(dump))])
    hold_a_session(gateway)
    refused = gateway.ask("POST", "/v1/insights/nearest", json={"embedding": [1.0, 0.0]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "MOS-GW-027")
    assert gateway.stop() == 0
    processes = [set(path.read_text().split()) for path in gateway.home.glob("modules-*")]
    assert len(processes) == 2  # gunicorn's master and its worker
    assert any("gateway.routes" in modules for modules in processes)
    for modules in processes:
        assert {name for name in modules if name.startswith(ABSENT)} == set()


def hold_a_session(gateway: Gateway) -> None:
    """Do what an agent does from the first request to the last, and read all of it back."""

    def ask(method: str, path: str, status: int = 200, **options: Any) -> Any:
        answer = gateway.ask(method, path, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    assert OWNER in [row["id"] for row in ask("GET", "/v1/users")["items"]]
    opened = {"owner_id": OWNER, "project_id": PROJECT, "title": "Plan", "model": "m-1"}
    conversation = ask("POST", "/v1/conversations", 201, json=opened)["id"]
    messages = f"/v1/conversations/{conversation}/messages"
    for role, content in [("user", "Plan the aqueduct"), ("assistant", "Two tasks and a note"), ("tool", "done")]:
        ask("POST", messages, 201, json={"role": role, "content": content, "metadata": {"step": role}})
    task = ask(
        "POST", "/v1/tasks", 201, json={"owner_id": OWNER, "project_id": PROJECT, "title": "Survey the aqueduct"}
    )
    note = ask("POST", "/v1/notes", 201, json={"owner_id": OWNER, "project_id": PROJECT, "body": "The aqueduct leaks."})
    ask("PATCH", f"/v1/tasks/{task['id']}", json={"status": "done"})
    kinds = {(hit["kind"], hit["id"]) for hit in ask("GET", "/v1/search", params={"q": "aqueduct"})["items"]}
    assert {("task", task["id"]), ("note", note["id"])} < kinds
    assert len(kinds) == 3
    read = ask("GET", messages)["items"]
    assert [(row["seq"], row["role"]) for row in read] == [(1, "user"), (2, "assistant"), (3, "tool")]
    assert ask("GET", "/v1/tasks", params={"project": PROJECT, "status": "done"})["items"][0]["id"] == task["id"]
    assert ask("POST", f"/v1/conversations/{conversation}/close")["status"] == "archived"
    ask("POST", messages, 409, json={"content": "late"})
    ask("DELETE", f"/v1/notes/{note['id']}", 204)
    ask("GET", f"/v1/notes/{note['id']}", 404)
