"""A real browser on the real stack: every process of `make run`, on free ports, once per session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.demo import Demo

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def base_url(demo: Demo) -> str:
    return demo.url


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use the distribution's Chromium, and keep it from calling home."""
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing. Fix: apt-get install chromium fonts-dejavu-core", pytrace=False)
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return {**browser_type_launch_args, "executable_path": str(CHROMIUM), "args": ["--no-sandbox", *quiet]}


class Console:
    """What the browser complained about: script errors, failed requests, violations of the content security policy."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """Expect a complaint, such as the 422 of a form that the test fills in badly."""
        self._allowed.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(pattern.search(text) for pattern in self._allowed)]

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self._add(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._add(str(error)))

    def _add(self, text: str) -> None:
        self.complaints.append(text)


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def page(context: BrowserContext, console: Console) -> Iterator[Page]:
    """A page whose test fails when the browser complains about anything it did not `console.allow`."""
    context.set_default_timeout(10_000)
    context.on("page", console.watch)
    page = context.new_page()
    yield page
    assert console.unexpected() == []


@pytest.fixture
def signed_in(page: Page, demo: Demo) -> Page:
    """A page that `admin` signed in on."""
    page.goto("/sign-in/")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    return page
