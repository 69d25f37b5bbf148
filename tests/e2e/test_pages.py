"""Every page that needs nothing to happen first, in every look."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo import Demo
from tests.e2e.console import Console
from tests.e2e.looking import look
from tests.e2e.pages import NOWHERE, PLAIN, routes


@pytest.fixture(scope="session")
def numbers(browser: Browser, demo: Demo, admin_cookies: list[dict[str, str]]) -> dict[str, str]:
    """What the addresses of tests/e2e/pages.py leave open. The doctor is asked once, so that it has a report."""
    context = browser.new_context(base_url=demo.url)
    context.add_cookies(admin_cookies)
    page = context.new_page()
    page.goto("/tiers/")
    tier = page.get_by_role("link", name="federated", exact=True).first.get_attribute("href")
    page.goto("/doctor/")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_role("heading", name="Services")).to_be_visible()
    page.goto("/doctor/history/")
    span = page.locator("tbody a").first.get_attribute("href")
    context.close()
    return {"tier": _number(tier), "span": _number(span), "person": "1"}


def _number(address: str | None) -> str:
    found = re.search(r"/(\d+)/$", address or "")
    assert found, address
    return found[1]


@pytest.mark.parametrize("name", PLAIN)
def test_the_page_is_clean_in_every_look(as_admin: Page, console: Console, numbers: dict[str, str], name: str) -> None:
    status = 404 if routes()[name] == NOWHERE else 200
    console.allow(f"status of {status}")
    response = as_admin.goto(PLAIN[name].format(**numbers))
    assert response
    assert response.status == status
    look(as_admin, name)
