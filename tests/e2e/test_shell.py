"""The shell in a real browser: light, dark, phone, keyboard, no JavaScript, and no word from the content policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.demo import Demo
from tests.e2e.looking import PATIENCE_MS, STUMBLES, said, send_name_and_password

SignIn = Callable[..., Page]


@pytest.fixture
def open_context(browser: Browser, demo: Demo) -> Iterator[Callable[..., BrowserContext]]:
    """Open browser contexts on the dashboard: `open_context(width=390, color_scheme="dark")`."""
    contexts: list[BrowserContext] = []

    def make(width: int = 1280, **options: Any) -> BrowserContext:
        context = browser.new_context(base_url=demo.url, viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def sign_in(open_context: Callable[..., BrowserContext], demo: Demo) -> SignIn:
    """Sign in through the page, and return the page that follows."""

    def make(name: str = "admin", password: str = "", **options: Any) -> Page:
        page = open_context(**options).new_page()
        send_name_and_password(page, name, password or demo.password)
        return page

    return make


def complaints_of(page: Page) -> list[str]:
    """Collect what the browser says from now on: content policy, missing files, script errors."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def addresses(page: Page) -> list[str]:
    links = page.locator("#nav a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    return [*links, "/people/password/"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_menu_is_clean_at_every_width(sign_in: SignIn, scheme: Any) -> None:
    page = sign_in(color_scheme=scheme)
    said = complaints_of(page)
    for address in addresses(page):
        if address.startswith("/api/"):
            continue  # the API reference is another program's page
        response = page.goto(address)
        assert response
        assert response.status == 200, address
        for width in (1280, 768, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(STUMBLES) == [], f"{address} at {width}"
    assert said == []


def test_the_theme_is_kept_over_a_reload_and_follows_the_system_before(sign_in: SignIn) -> None:
    page = sign_in(color_scheme="dark")
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    with page.expect_response("**/theme/"):
        page.get_by_role("button", name="Switch between light and dark").click()
    expect(root).to_have_attribute("data-bs-theme", "light")
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "light")


def test_the_menu_of_a_phone_opens_and_closes(sign_in: SignIn) -> None:
    page = sign_in(width=390)
    link = page.get_by_role("link", name="API tokens")
    toggle = page.get_by_role("button", name="Menu")
    expect(link).to_be_hidden()
    toggle.click()
    expect(link).to_be_visible()
    expect(toggle).to_have_attribute("aria-expanded", "true")


def test_the_keyboard_reaches_the_content_first_and_every_stop_is_visible(sign_in: SignIn) -> None:
    page = sign_in()
    expect(page.locator(".strip")).to_be_visible()
    page.reload()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_signing_in_and_out_works_without_javascript(sign_in: SignIn) -> None:
    page = sign_in(java_script_enabled=False)
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.locator("summary", has_text="admin").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in/")
    expect(page.get_by_role("heading", name="Sign in to")).to_be_visible()


def test_a_new_persons_password_is_shown_once_and_works_and_support_gets_no_access_pages(sign_in: SignIn) -> None:
    page = sign_in()
    page.goto("/people/")
    page.get_by_label("Name", exact=True).fill("omar")
    page.get_by_role("button", name="Add person").click()
    password = said(page).locator("code").inner_text()
    other = sign_in("omar", "not the password")
    expect(other.get_by_role("alert")).to_contain_text("4 tries left")
    other.get_by_label("Password", exact=True).fill(password)
    other.get_by_role("button", name="Sign in").click()
    expect(other.locator(".strip")).to_contain_text("omar · support")
    expect(other.locator("#nav")).not_to_contain_text("API tokens")


def test_a_page_that_nobody_sees_asks_nothing_and_asks_at_once_when_it_is_seen(sign_in: SignIn) -> None:
    page, asked = sign_in(), []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/strip/") else None)
    look = "document.querySelector('.strip-status').dispatchEvent(new CustomEvent('every'))"  # as the timer does it
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.unseen, configurable: true})")
    page.evaluate("window.unseen = true")
    page.evaluate(look)
    page.wait_for_timeout(500)
    assert asked == []
    with page.expect_request("**/strip/"):
        page.evaluate("window.unseen = false; document.dispatchEvent(new Event('visibilitychange'))")
    with page.expect_request("**/strip/"):
        page.evaluate(look)
