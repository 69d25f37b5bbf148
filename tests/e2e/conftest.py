"""A real browser on the real stack: every process of `make run`, on free ports, once per session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.demo import Demo
from tests.e2e.console import Console
from tests.e2e.looking import sign_in

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
    context.set_default_timeout(10_000)
    context.on("page", console.watch)
    page = context.new_page()
    yield page
    assert console.unexpected() == []


@pytest.fixture
def signed_in(page: Page, demo: Demo) -> Page:
    """A page that `admin` signed in on."""
    sign_in(page, "admin", demo.password)
    return page
