"""Signing in, and pages looked at in every look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from tests.demo import Demo
from tests.e2e.console import Console

LOOKS = {"light": ("light", 1280), "dark": ("dark", 1280), "phone": ("light", 390)}  # scheme and width

# Things a person with a screen reader or a keyboard would stumble over, found with the browser's own names.
STUMBLES = """() => {
  const named = (e) => (e.ariaLabel || e.innerText || e.textContent || "").trim();
  const shown = (e) => e.checkVisibility();
  const found = [];
  const count = document.querySelectorAll("h1").length;
  if (count !== 1) found.push(`${count} h1`);
  for (const e of document.querySelectorAll("a, button, summary")) if (shown(e) && !named(e)) found.push(e.outerHTML);
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!e.labels?.length && !e.ariaLabel) found.push(e.outerHTML);
  for (const e of document.querySelectorAll("th")) if (!e.textContent.trim()) found.push("a column without a head");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`id ${id} twice`);
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) found.push(`the page scrolls sideways by ${wide}`);
  return [...new Set(found)];
}"""


def send_name_and_password(page: Page, name: str, password: str) -> None:
    """Fill in the page Sign in and send it; whether it is accepted is the caller's to see."""
    page.goto("/sign-in/")
    page.get_by_label("Name or e-mail").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_in(page: Page, name: str, password: str) -> None:
    send_name_and_password(page, name, password)
    page.wait_for_url("**/")


def look_at_pages(
    browser: Browser, demo: Demo, console: Console, look: str, pages: Mapping[str, str], shots: Path
) -> None:
    """Open each of the pages as `admin` in one look; fail where a person would stumble or the browser complains."""
    scheme, width = LOOKS[look]
    context = browser.new_context(
        base_url=demo.url,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
    )
    context.on("page", console.watch)
    page = context.new_page()
    sign_in(page, "admin", demo.password)
    assert pages
    shots.mkdir(parents=True, exist_ok=True)
    for name, address in pages.items():
        response = page.goto(address)
        assert response
        assert response.status == 200, address
        assert urlsplit(page.url).path == urlsplit(address).path, "sent to another page"
        assert page.evaluate(STUMBLES) == [], f"{address} at {width}"
        page.screenshot(path=shots / f"{name}-{look}.png", full_page=True)
    context.close()
    assert console.unexpected() == []
