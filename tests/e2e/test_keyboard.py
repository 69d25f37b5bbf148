"""The wizard from the sign-in to Verified without a pointer, and where the focus is after an error."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.demo import Demo
from tests.e2e import steps
from tests.e2e.console import Console
from tests.e2e.keys import Keys

RUN_MS = 120_000
IN_CONTENT = "document.querySelector('main').contains(document.activeElement)"


def sign_in(page: Page, keys: Keys, password: str) -> None:
    """Be refused once: the focus is at the error, and the fields are the next stops."""
    page.goto("/sign-in/")
    keys.fill(page.get_by_label("Name or e-mail"), "admin")
    keys.fill(page.get_by_label("Password", exact=True), "not the password")
    keys.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    keys.assert_seen()
    keys.fill(page.get_by_label("Password", exact=True), password)
    keys.press("Enter")
    expect(page.locator(".strip")).to_be_visible()


def skip_and_come_back(page: Page, keys: Keys) -> None:
    """Skip the menu on the first stop, then go back into it, to Migrations."""
    keys.step()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    keys.press("Enter")
    keys.step()
    assert page.evaluate(IN_CONTENT), "the skip link leads past the menu"
    link = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Migrations")
    keys.to(link, "Shift+Tab")
    keys.press("Enter")


def decide(page: Page, keys: Keys) -> None:
    for table in ("agents", "preferences"):
        keys.use(page.get_by_role("group", name=table).get_by_role("radio", name="Carry"), "Space")
    keys.use(page.get_by_role("button", name="Apply decisions"))
    steps.wait_for_plan(page)
    expect(page.get_by_text("You decide")).to_have_count(0)


def start(page: Page, keys: Keys) -> None:
    """Mistype the target's name, be told, and type it right."""
    field, button = (
        page.get_by_label("Type the target’s name"),
        page.get_by_role("button", name=re.compile("Start run")),
    )
    name = page.locator("label[for=target_name] code").inner_text()
    keys.fill(field, "another target")
    keys.use(button)
    expect(page.get_by_role("alert")).to_be_focused()
    keys.assert_seen()
    keys.fill(field, name)
    keys.use(button, "Space")


def test_the_whole_wizard_goes_by_keyboard(page: Page, small_stack: Demo, console: Console) -> None:
    keys = Keys(page)
    console.allow(r"status of 4\d\d")
    sign_in(page, keys, small_stack.password)
    skip_and_come_back(page, keys)
    keys.use(page.get_by_role("link", name=re.compile("New dry run|Make a dry run")))
    keys.use(page.get_by_role("button", name="Make a dry run"), "Space")
    steps.wait_for_plan(page)
    decide(page, keys)
    keys.use(page.get_by_role("button", name="Pause gateway"))
    expect(page.get_by_role("button", name="Pause gateway")).to_have_count(0, timeout=steps.PLAN_TIMEOUT_MS)
    steps.wait_for_plan(page)
    start(page, keys)
    expect(page.locator(".page-head .status")).to_have_text("Verified", timeout=RUN_MS)
    keys.to(page.get_by_role("link", name="Cut over…"))


def test_a_form_with_errors_sends_the_keyboard_to_the_first_of_them(signed_in: Page, console: Console) -> None:
    page, keys = signed_in, Keys(signed_in)
    console.allow("status of 422")
    page.goto("/people/password/")
    keys.fill(page.get_by_label("Password now"), "something else")
    keys.fill(page.get_by_label("New password, 12 characters or more"), "a-new-password-of-mine")
    keys.fill(page.get_by_label("New password again"), "another-new-password")
    keys.press("Enter")
    wrong = page.get_by_label("New password again")
    expect(wrong).to_be_focused()
    keys.assert_seen()
    expect(wrong).to_have_accessible_description("This is not the same as the new password.")
