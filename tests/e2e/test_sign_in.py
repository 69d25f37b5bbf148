"""The first page that anybody sees."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.demo import Demo
from tests.e2e.console import Console
from tests.e2e.looking import look, send_name_and_password, sign_in


def test_a_visitor_is_asked_to_sign_in(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="Sign in to")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_admin_signs_in_with_the_generated_password(page: Page, demo: Demo) -> None:
    sign_in(page, "admin", demo.password)
    expect(page).to_have_url(f"{demo.url}/")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_a_wrong_password_is_refused_and_the_page_says_how_many_tries_are_left(page: Page, console: Console) -> None:
    page.goto("/sign-in/")
    look(page, "sign-in")
    console.allow(r"status of 4\d\d")
    send_name_and_password(page, "nobody", "not the password")
    expect(page.get_by_role("alert")).to_contain_text("tries left")
    look(page, "sign-in-refused")


def test_a_console_error_fails_a_test(context, console: Console) -> None:  # type: ignore[no-untyped-def]
    page = context.new_page()
    console.watch(page)
    page.goto("/sign-in/")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b style=\"color:red\">')")
    page.wait_for_timeout(100)
    assert any("Content Security Policy" in text for text in console.unexpected())
