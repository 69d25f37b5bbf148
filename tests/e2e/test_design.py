"""What all pages share: toasts, keyboard shortcuts, questions before what cannot be taken back, pages that follow."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.demo import Demo
from tests.e2e.console import Console
from tests.e2e.stack import shoot


def add_person(page: Page, name: str) -> None:
    page.goto("/people/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Add person").click()
    expect(page.get_by_text(f"{name} may sign in.")).to_be_visible()


def test_an_account_is_closed_by_typing_its_name_and_a_toast_says_so(signed_in: Page) -> None:
    page = signed_in
    add_person(page, "dora")
    page.goto("/people/")
    page.get_by_role("row", name="dora").get_by_role("link", name="Close account…").click()
    expect(page.get_by_role("heading", name="Close the account of dora?")).to_be_visible()
    close = page.get_by_role("button", name="Close account")
    expect(close).to_be_disabled()
    page.get_by_label("Type dora").fill("dor")
    expect(close).to_be_disabled()
    page.get_by_label("Type dora").fill("dora")
    shoot(page, "people-close")
    close.click()
    toast = page.get_by_role("status").filter(has_text="dora: account closed.")
    expect(toast).to_be_visible()
    assert toast.evaluate("e => getComputedStyle(e).position") == "fixed"
    shoot(page, "toast")
    expect(page.get_by_role("row", name="dora")).to_contain_text("Closed")
    toast.get_by_role("button", name="Dismiss").click()
    expect(toast).to_have_count(0)


def test_a_toast_goes_by_itself_but_not_under_the_mouse(signed_in: Page, console: Console) -> None:
    console.allow("htmx:error: timeout")  # the clock that runs ahead is htmx's too
    page = signed_in
    add_person(page, "dino")
    page.goto("/people/")
    page.clock.install()
    row = page.get_by_role("row", name="dino")
    row.get_by_label("Role of dino").select_option("operator")
    row.get_by_role("button", name="Set role").click()
    toast = page.get_by_role("status").filter(has_text="dino: role Operator.")
    toast.hover()
    page.clock.run_for(30_000)
    expect(toast).to_be_visible()
    page.mouse.move(10, 500)
    page.clock.run_for(30_000)
    expect(toast).to_have_count(0)


def test_shortcuts_go_places_stay_out_of_fields_and_can_be_switched_off(signed_in: Page) -> None:
    page = signed_in
    expect(page.locator("#nav")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/audit/")
    page.keyboard.press("/")
    person = page.get_by_label("Person")
    expect(person).to_be_focused()
    page.keyboard.type("g?t")
    expect(person).to_have_value("g?t")
    assert page.url.endswith("/audit/")
    page.keyboard.press("Tab")
    page.locator("h1").click()
    page.keyboard.press("?")
    listed = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(listed).to_be_visible()
    shoot(page, "shortcuts")
    listed.get_by_label("Use them in this browser").uncheck()
    page.keyboard.press("Escape")
    expect(listed).to_be_hidden()
    page.reload()
    page.keyboard.press("?")
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(listed).to_be_hidden()
    expect(page).to_have_url(re.compile("/audit/$"))
    page.locator("summary", has_text="admin").click()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    listed.get_by_label("Use them in this browser").check()
    listed.get_by_role("button", name="Close").click()
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/doctor/")


def test_the_overview_follows_what_others_do_and_keeps_the_focus(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    page.goto("/")
    expect(page.get_by_role("region", name="What happened last")).to_be_visible()
    check = page.get_by_role("button", name="Check now")
    check.focus()
    made = demo.mosaic("users", "create", "dave", "--role", "support")
    assert made.returncode == 0, made.stderr
    row = page.get_by_role("region", name="What happened last").get_by_role("row").filter(has_text="dave")
    expect(row).to_contain_text("Added a person", timeout=30_000)
    expect(check).to_be_focused()


def test_every_page_below_another_says_where_it_is(signed_in: Page) -> None:
    page = signed_in
    for address, steps in {
        "/doctor/history/": ["Doctor", "History"],
        "/doctor/codes/MOS-ACC-031/": ["Doctor", "Codes", "MOS-ACC-031"],
        "/tiers/new/": ["Tiers", "New"],
        "/migrations/new": ["Migrations", "New dry run"],
        "/migrations/compare": ["Migrations", "Compare"],
        "/gateway/pause/": ["Gateway", "Pause gateway"],
    }.items():
        page.goto(address)
        trail = page.get_by_role("navigation", name="Breadcrumb").get_by_role("listitem")
        expect(trail).to_have_text(steps)
        expect(trail.last).to_have_attribute("aria-current", "page")
