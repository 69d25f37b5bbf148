"""The page Stack in a browser: start, watch, restart and stop a real stack, and the page without an engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo import Demo
from tests.e2e.console import Console
from tests.e2e.dashboard import Dashboard
from tests.e2e.looking import PATIENCE_MS, look
from tests.e2e.looking import sign_in as enter
from tests.e2e.stack import shoot

UP_TIMEOUT_MS = 90_000

SignIn = Callable[..., Page]


@pytest.fixture
def sign_in(browser: Browser, console: Console) -> Iterator[SignIn]:
    """Sign a new person in: `sign_in(dashboard, "olga", "operator")`."""
    contexts = []

    def make(dashboard: Dashboard, name: str, role: str) -> Page:
        context = browser.new_context(base_url=dashboard.url, viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        context.on("page", console.watch)
        contexts.append(context)
        page = context.new_page()
        enter(page, name, dashboard.password(name, role))
        return page

    yield make
    for context in contexts:
        context.close()
    assert console.unexpected() == []


def test_an_operator_starts_restarts_and_stops_the_stack(docker_dashboard: Dashboard, sign_in: SignIn) -> None:
    docker_dashboard.stack.compose("down", "--timeout", "1")  # another test may have left it running
    page = sign_in(docker_dashboard, "olga", "operator")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Stack").click()
    expect(page.locator("#stack-pill")).to_have_text(re.compile("Not started|Stopped"))

    page.get_by_role("link", name="Start…").click()
    expect(page.get_by_label("Rendered configuration")).to_contain_text("pgvector/pgvector:pg17")
    shoot(page, "stack-1-confirm")
    page.get_by_role("button", name="Start the stack").click()
    expect(page.get_by_text("Starting the stack …")).to_be_visible()
    expect(page.get_by_label("Output", exact=True)).to_contain_text("postgres-federated", timeout=UP_TIMEOUT_MS)
    shoot(page, "stack-2-starting")
    expect(page.locator("#stack-pill")).to_have_text("2 of 2 healthy", timeout=UP_TIMEOUT_MS)
    expect(page.get_by_text("Started the stack.")).to_be_visible()

    services = page.get_by_role("region", name="Services")
    expect(services).to_contain_text(f"127.0.0.1:{docker_dashboard.stack.ports['MOSAIC_POSTGRES_PORT']} → 5432")
    expect(services).to_contain_text("sha256:")
    expect(page.get_by_role("region", name="Volumes")).to_contain_text("Nothing here can delete a volume")
    expect(page.get_by_role("region", name="Volumes")).to_contain_text("federated-pg17-data")
    page.reload()
    expect(page.get_by_label("Log of postgres-federated")).to_contain_text("ready to accept connections")
    page.get_by_label("Service", exact=True).select_option("valkey-federated")
    expect(page.get_by_label("Log of valkey-federated")).to_contain_text("Ready to accept connections")
    shoot(page, "stack-3-healthy")

    services.get_by_role("row", name="valkey-federated").get_by_role("link", name="Restart…").click()
    page.get_by_role("button", name="Restart valkey-federated").click()
    expect(page.get_by_text("Restarted valkey-federated.")).to_be_visible(timeout=UP_TIMEOUT_MS)

    before = docker_dashboard.stack.secret("federated-postgres")
    page.get_by_role("link", name="Rotate passwords…").click()
    expect(page.get_by_role("button", name="Rotate the passwords")).to_be_disabled()
    page.get_by_label("Type rotate to go on").fill("rotate")
    shoot(page, "stack-5-rotate")
    page.get_by_role("button", name="Rotate the passwords").click()
    expect(page.get_by_text("Changed the passwords of the stack.")).to_be_visible(timeout=UP_TIMEOUT_MS)
    after = docker_dashboard.stack.secret("federated-postgres")
    assert after != before
    assert after not in page.content()
    expect(page.locator("#stack-pill")).to_have_text("2 of 2 healthy", timeout=UP_TIMEOUT_MS)

    page.get_by_role("link", name="Stop…").click()
    expect(page.get_by_text("The volumes stay.")).to_be_visible()
    page.get_by_role("button", name="Stop the stack").click()
    expect(page.locator("#stack-pill")).to_have_text("Stopped", timeout=UP_TIMEOUT_MS)
    expect(page.get_by_role("region", name="Volumes")).to_contain_text("federated-pg17-data")
    shoot(page, "stack-4-stopped")


def test_support_sees_everything_and_can_start_nothing(docker_dashboard: Dashboard, sign_in: SignIn) -> None:
    docker_dashboard.stack.up()
    page = sign_in(docker_dashboard, "sue", "support")
    page.goto("/stack/")
    expect(page.locator("#stack-pill")).to_have_text("2 of 2 healthy")
    assert page.get_by_role("link", name="Stop…").count() == 0
    assert page.get_by_role("link", name="Restart…").count() == 0
    look(page, "stack-running")
    for name in ("federated-postgres", "federated-postgres-superuser", "federated-valkey"):
        assert docker_dashboard.stack.secret(name) not in page.content()


def test_without_an_engine_the_page_shows_files_and_commands(
    dashboard_without_engine: Dashboard, sign_in: SignIn
) -> None:
    page = sign_in(dashboard_without_engine, "otto", "operator")
    page.goto("/stack/")
    expect(page.locator("#stack-pill")).to_have_text("No Docker engine here")
    expect(
        page.get_by_text("docker compose -f docker-compose.federated.yml --profile federated up -d --wait")
    ).to_be_visible()
    expect(page.locator("#stack-seen")).to_contain_text("No answer")
    with page.expect_download() as download:
        page.get_by_role("link", name="compose.tar.gz").click()
    assert download.value.suggested_filename == "compose.tar.gz"
    look(page, "stack-no-engine")


def test_the_demo_looks_after_its_own_servers(signed_in: Page, demo: Demo) -> None:
    signed_in.goto("/stack/")
    expect(signed_in.locator("#stack-pill")).to_have_text("2 of 2 healthy")
    expect(signed_in.get_by_text("mosaic demo looks after these servers.")).to_be_visible()
    assert signed_in.get_by_role("link", name="Stop…").count() == 0
    shoot(signed_in, "stack-embedded")
