"""Inviting somebody and reading the audit log, in a browser."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo import Demo
from tests.e2e.console import Console
from tests.e2e.looking import LOOKS, look_at_pages
from tests.e2e.stack import SHOTS, shoot

PASSWORD = "a-password-of-her-own"


def test_an_invited_person_joins_and_is_reset(signed_in: Page, browser: Browser, demo: Demo) -> None:
    page = signed_in
    page.goto("/people/")
    page.get_by_label("Name", exact=True).fill("ines")
    page.get_by_role("button", name="Make invitation link").click()
    address = page.get_by_role("status").locator("code").inner_text()
    shoot(page, "people-invited")
    row = page.get_by_role("row", name="ines")
    expect(row).to_contain_text("Link not used yet")

    context = browser.new_context(base_url=demo.url)
    guest = context.new_page()
    guest.goto(address)
    expect(guest.get_by_role("heading", name="Welcome, ines")).to_be_visible()
    shoot(guest, "people-join")
    guest.get_by_label("Password, 12 characters or more").fill(PASSWORD)
    guest.get_by_label("Password again").fill(PASSWORD)
    guest.get_by_role("button", name="Set password and sign in").click()
    expect(guest.locator(".strip")).to_contain_text("ines · support")
    guest.goto(address)
    expect(guest.locator("body")).to_contain_text("MOS-ACC-031")

    page.goto("/people/")
    row = page.get_by_role("row", name="ines")
    expect(row).to_contain_text("Active")
    row.get_by_role("link", name="New link…").click()
    expect(page.locator("main")).to_contain_text("every session ends")
    page.get_by_role("button", name="Make new link").click()
    expect(page.get_by_role("status")).to_contain_text("The old password of ines no longer works.")
    guest.goto("/")
    expect(guest.get_by_role("heading", name="Sign in to")).to_be_visible()
    context.close()


def test_the_audit_log_is_filtered_and_exported(signed_in: Page, tmp_path: Any) -> None:
    page = signed_in
    page.goto("/tiers/new/?tier=local")
    page.get_by_label("Name").fill("audited")
    page.get_by_label("Why (optional)").fill("to be seen in the log")
    page.get_by_role("button", name="Save configuration").click()
    page.get_by_role("link", name="Audit log").click()
    row = page.get_by_role("row").filter(has_text="audited")
    expect(row).to_contain_text("Created a configuration")
    expect(row).to_contain_text("to be seen in the log")
    expect(row).to_contain_text("127.0.0.1")
    row.locator("summary").click()
    expect(row.locator("ins").first).to_be_visible()
    shoot(page, "audit-open")
    page.get_by_label("Action").select_option(label="Signed in")
    page.get_by_label("Person").fill("admin")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("row").filter(has_text="audited")).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text="Signed in").first).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name="CSV").click()
    with started.value.path().open(newline="") as file:
        assert {line["action"] for line in csv.DictReader(file)} == {"session.sign-in"}
    page.get_by_role("link", name="Clear").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="JSON").click()
    assert "audit.export" in {event["action"] for event in json.loads(started.value.path().read_text())}


@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_are_clean_in_every_look(browser: Browser, demo: Demo, console: Console, look: str) -> None:
    pages = {"audit": "/audit/", "people": "/people/", "tokens": "/people/tokens/"}
    look_at_pages(browser, demo, console, look, pages, SHOTS)
