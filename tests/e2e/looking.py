"""Signing in, and pages looked at in every look."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Locator, Page, expect

from tests.e2e.pages import route_of, routes

Scheme = Literal["light", "dark"]

LOOKS: dict[str, tuple[Scheme, int]] = {"light": ("light", 1280), "dark": ("dark", 1280), "phone": ("light", 390)}
HEIGHT = 844
# of a browser with a page, on a machine that has other work: only a test that fails waits as long
PATIENCE_MS = float(os.environ.get("MOSAIC_TEST_PATIENCE_MS", "30000"))
expect.set_options(timeout=PATIENCE_MS / 2)
PICTURES = os.environ.get("MOSAIC_TEST_PICTURES")
PALETTE = (Path(__file__).parent / "palette.js").read_text()
_CONTRAST = ["color-contrast", "link-in-text-block"]
# what another scheme or width can change, so that a page costs one full run and two short ones
AXE: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"runOnly": {"type": "rule", "values": _CONTRAST}},
    "phone": {"rules": {rule: {"enabled": False} for rule in _CONTRAST}},
}
RUN_AXE = """async (options) => (await axe.run(document, options)).violations.flatMap((rule) => rule.nodes.map(
  (node) => `${rule.impact} ${rule.id}: ${node.html.slice(0, 200)} ${node.any[0]?.message ?? rule.help}`))"""

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


def said(page: Page) -> Locator:
    """Return what the page says about what was just done."""
    return page.locator(".note[role=status]")


def send_name_and_password(page: Page, name: str, password: str) -> None:
    """Fill in the page Sign in and send it; whether it is accepted is the caller's to see."""
    page.goto("/sign-in/")
    page.get_by_label("Name or e-mail").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_in(page: Page, name: str, password: str) -> None:
    send_name_and_password(page, name, password)
    page.wait_for_url("**/")


def look(page: Page, name: str) -> None:
    """Hold the page that is open, `name` of tests/e2e/pages.py, against axe and STUMBLES in every look.

    Takes its pictures where MOSAIC_TEST_PICTURES names a folder, and leaves the page light and as wide as it was.
    """
    assert route_of(page.url) == routes()[name], f"{name} is another page than {page.url}"
    size = page.viewport_size
    for kind, (scheme, width) in LOOKS.items():
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": HEIGHT})
        expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
        found = [*page.evaluate(STUMBLES), *violations(page, AXE[kind])]
        assert not found, "\n".join([f"{name}, {kind}:", *found])
        if PICTURES:
            take_picture(page, Path(PICTURES) / f"{name}-{kind}.png")
    page.emulate_media(color_scheme="light", reduced_motion="null")
    if size:
        page.set_viewport_size(size)


def violations(page: Page, options: Mapping[str, Any]) -> list[str]:
    """Run axe and return what it finds, whatever its impact, a line for each rule and element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)  # sent by the debugger, which the page's own content policy does not bind
    found: list[str] = page.evaluate(RUN_AXE, {"resultTypes": ["violations"], **options})
    return found


def take_picture(page: Page, path: Path) -> None:
    """Keep what the window shows, as a PNG with a palette: a third of what Chromium writes."""
    shot = base64.b64encode(page.screenshot(animations="disabled", caret="hide")).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(page.evaluate(PALETTE, shot)))
