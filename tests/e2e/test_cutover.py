"""The rollback drill in a browser: an agent served from the federated store, and after a rollback from the old."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from compose.embedded.process import wait_until
from tests.demo import Demo
from tests.e2e import steps
from tests.e2e.console import Console
from tests.e2e.looking import look
from tests.e2e.stack import SignIn, prove, superuser_url
from tests.e2e.test_migration_flow import RUN_MS
from tests.integration.engine.support import scalar

SERVING_S = 60.0


@pytest.fixture
def restored(stack: Demo) -> Iterator[Demo]:
    """Whatever happens here, the next test of this stack finds the old configuration and a gateway that serves it."""
    before = stack.config_file.read_text()
    yield stack
    (stack.folder / "cutover.json").unlink(missing_ok=True)
    stack.config_file.write_text(before)
    restart_gateway(stack, "standalone")


def restart_gateway(stack: Demo, tier: str) -> None:
    os.kill(stack.pid("gateway"), signal.SIGTERM)
    wait_until(lambda: serves(stack, tier), SERVING_S, step_s=0.3)
    assert serves(stack, tier), stack.log_tails()


def at_gateway(stack: Demo) -> httpx.Client:
    """Return a client with the gateway's own token."""
    token = (stack.home / "keys" / "gateway-token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=stack.gateway_url, headers=headers, trust_env=False, timeout=20)


def serves(stack: Demo, tier: str) -> bool:
    with suppress(httpx.HTTPError), at_gateway(stack) as client:
        status = client.get("/control/status").json()
        return (status["state"], status["tier"]) == ("serving", tier)
    return False


def agent_session(stack: Demo) -> list[Any]:
    """Open a conversation as the store's first user, say two things, read them back and close it."""
    with at_gateway(stack) as client:
        owner = client.get("/v1/users", params={"limit": 1}).json()["items"][0]["id"]
        opened = client.post("/v1/conversations", json={"owner_id": owner, "title": "Drill"})
        opened.raise_for_status()
        path = f"/v1/conversations/{opened.json()['id']}"
        for role, content in (("user", "Is anybody there?"), ("assistant", "Yes.")):
            client.post(f"{path}/messages", json={"role": role, "content": content}).raise_for_status()
        said = [row["content"] for row in client.get(f"{path}/messages").json()["items"]]
        assert client.post(f"{path}/close").json()["status"] == "archived"
    return said


def confirm(page: Page, button: str) -> None:
    page.get_by_label("Type").fill(page.locator("label[for=confirmation] code").inner_text())
    page.get_by_role("button", name=re.compile(button)).click()
    prove(page)


def test_cutover_and_rollback_with_an_agent_on_either_side(restored: Demo, person: SignIn, console: Console) -> None:
    stack = restored
    page = person("kai", "operator")
    steps.start(page)
    expect(page.locator(".page-head .status")).to_have_text("Verified", timeout=RUN_MS)
    page.get_by_role("link", name="Cut over…").click()
    look(page, "cutover")
    expect(page.get_by_role("button", name="Cut over")).to_be_disabled()
    confirm(page, "Cut over")
    expect(page.get_by_text("Now restart the gateway")).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_role("region", name="Result")).to_contain_text("found the insight by its vector")
    look(page, "cut-over")

    restart_gateway(stack, "federated")
    assert agent_session(stack) == ["Is anybody there?", "Yes."]
    assert scalar(superuser_url(stack, "federated"), "SELECT first_write_at IS NOT NULL FROM mosaic_migration.run")

    page.get_by_role("link", name="Go back to the old store…").click()
    expect(page.locator("#gained")).to_contain_text("Drill")
    expect(page.locator("#gained")).to_contain_text("messages")
    look(page, "rollback")
    console.allow(r"status of 4\d\d")
    confirm(page, "Roll back run")
    expect(page.get_by_role("alert")).to_contain_text("The store is in use")
    page.get_by_role("button", name="Pause gateway").click()
    confirm(page, "Roll back run")
    expect(page.get_by_text("boots from the old store at its next start")).to_be_visible()
    look(page, "rolled-back")

    restart_gateway(stack, "standalone")
    assert agent_session(stack) == ["Is anybody there?", "Yes."]
    assert scalar(superuser_url(stack, "federated"), "SELECT count(*) FROM conversations WHERE title = 'Drill'") == 1
    record = json.loads((stack.folder / "cutover.json").read_text())
    assert record["state"] == "rolled_back"
