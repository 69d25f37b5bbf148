"""A real browser on the real stack: every process of `make run`, on free ports, once per session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.demo import Demo
from tests.e2e.console import Console
from tests.e2e.looking import PATIENCE_MS, sign_in

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


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def page(context: BrowserContext, console: Console) -> Iterator[Page]:
    """A page whose test fails when the browser complains about anything it did not `console.allow`."""
    context.set_default_timeout(PATIENCE_MS)
    context.on("page", console.watch)
    page = context.new_page()
    yield page
    assert console.unexpected() == []


@pytest.fixture(scope="session")
def admin_cookies(browser: Browser, demo: Demo) -> list[Any]:
    """The session of `admin`, opened once: whoever ends it, by a sign-out or a new password, does so for all tests."""
    context = browser.new_context(base_url=demo.url)
    sign_in(context.new_page(), "admin", demo.password)
    cookies = context.cookies()
    context.close()
    return cookies


@pytest.fixture
def as_admin(page: Page, admin_cookies: list[Any]) -> Page:
    """A page that `admin` is signed in on, nowhere yet."""
    page.context.add_cookies(admin_cookies)
    return page


@pytest.fixture
def signed_in(as_admin: Page) -> Page:
    """A page that `admin` is signed in on, at the overview."""
    as_admin.goto("/")
    return as_admin


@pytest.fixture
def kept_file(demo: Demo) -> Iterator[Demo]:
    """The demo, whose configuration file and active row are put back afterwards."""
    text = demo.config_file.read_text()
    yield demo
    demo.config_file.write_text(text)
    done = demo.mosaic("config", "activate", "standalone", "--yes")
    assert done.returncode == 0, done.stderr
    assert json.loads(demo.config_file.read_text()) == json.loads(text)


class AsPerson:
    """Sign a new person in, in a context of their own: `as_person("nora", "support") -> Page`."""

    def __init__(self, browser: Browser, demo: Demo, console: Console) -> None:
        self._browser, self._demo, self._console = browser, demo, console
        self._contexts: list[BrowserContext] = []
        self.passwords: dict[str, str] = {}

    def __call__(self, name: str, role: str) -> Page:
        made = self._demo.mosaic("users", "create", name, "--role", role)
        assert made.returncode == 0, made.stderr
        self.passwords[name] = made.stdout.strip()
        context = self._browser.new_context(base_url=self._demo.url)
        context.set_default_timeout(PATIENCE_MS)
        context.on("page", self._console.watch)
        self._contexts.append(context)
        page = context.new_page()
        sign_in(page, name, self.passwords[name])
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def as_person(browser: Browser, demo: Demo, console: Console) -> Iterator[AsPerson]:
    """Sign people in on the demo; what their browsers complain about fails the test."""
    made = AsPerson(browser, demo, console)
    yield made
    made.close()
    assert console.unexpected() == []
