"""The gateway's page in the browser: pausing asks first, with and without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo import Demo
from tests.e2e.looking import PATIENCE_MS, look, sign_in


def test_pausing_asks_first_and_resuming_serves_again(signed_in: Page) -> None:
    page = signed_in
    page.goto("/gateway/")
    expect(page.get_by_text("The gateway serves the store.")).to_be_visible()
    page.get_by_role("link", name="Pause gateway…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Pause the gateway?")
    dialog.get_by_role("link", name="Keep serving").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("The gateway serves the store.")).to_be_visible()
    page.get_by_role("link", name="Pause gateway…").click()
    dialog.get_by_role("button", name="Pause gateway").click()
    expect(page.get_by_text("The gateway is paused. Nothing is lost.")).to_be_visible()
    expect(page.get_by_text("Nobody. A migration could start.")).to_be_visible()
    look(page, "gateway-paused")
    page.get_by_role("link", name="Resume gateway…").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume gateway").click()
    expect(page.get_by_text("The gateway serves the store.")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_it_can_be_paused_without_javascript(browser: Browser, demo: Demo, width: int) -> None:
    context = browser.new_context(
        base_url=demo.url, java_script_enabled=False, viewport={"width": width, "height": 900}
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    sign_in(page, "admin", demo.password)
    for verb, verdict in [("Pause", "The gateway is paused."), ("Resume", "The gateway serves the store.")]:
        page.goto("/gateway/")
        page.get_by_role("link", name=f"{verb} gateway…").click()
        page.get_by_role("button", name=f"{verb} gateway").click()
        expect(page.get_by_text(verdict).first).to_be_visible()
    context.close()
