"""A stack whose sample store is large enough to be caught in the middle of a migration, and hands on its target."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Page

from tests import environment
from tests.demo import Demo
from tests.e2e.console import Console
from tests.e2e.looking import PATIENCE_MS, sign_in

ROWS = 150_000  # two chunks of messages: a copy of some seconds
TARGET = "mosaic"
MIGRATED = [
    "users",
    "teams",
    "team_members",
    "projects",
    "tasks",
    "notes",
    "conversations",
    "messages",
    "insights",
    "agents",
    "preferences",
]
SHOTS = os.environ.get("MOSAIC_TEST_SHOTS")

SignIn = Callable[..., Page]


PASSWORDS: dict[Page, str] = {}  # of the people of this file's fixture


@pytest.fixture(scope="session")
def large_demo() -> Iterator[Demo]:
    """The whole stack with a larger sample store, shared by the tests that migrate it."""
    folder = environment.ROOT / "large-demo"
    folder.mkdir(mode=0o711)
    item = Demo(folder, rows=ROWS)
    try:
        item.start()
        yield item
    finally:
        item.clean()


def superuser_url(demo: Demo, server: str, database: str = TARGET) -> str:
    """Return the superuser's URL of the demo's `source` or `federated` PostgreSQL."""
    password = (demo.home / "secrets" / f"{server}-postgres-superuser").read_text().strip()
    port = demo.ports["MOSAIC_SOURCE_PORT" if server == "source" else "MOSAIC_POSTGRES_PORT"]
    return f"postgresql://admin:{password}@127.0.0.1:{port}/{database}"


def empty_target(demo: Demo) -> None:
    """Bring a stack back to where a newcomer finds it: nothing in the target, and the gateway serves."""
    with psycopg.connect(superuser_url(demo, "federated", "postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {TARGET} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {TARGET} OWNER {TARGET}")
    with psycopg.connect(superuser_url(demo, "federated"), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
    demo.mosaic("gateway", "resume")


@pytest.fixture
def stack(large_demo: Demo) -> Demo:
    """The large stack as a newcomer finds it."""
    empty_target(large_demo)
    return large_demo


@pytest.fixture
def small_stack(demo: Demo) -> Iterator[Demo]:
    """The shared demo as a newcomer finds it, and left so: a migration of it takes seconds."""
    empty_target(demo)
    yield demo
    empty_target(demo)


@pytest.fixture
def person(browser: Browser, stack: Demo, console: Console) -> Iterator[SignIn]:
    """Sign a new person in: `person("olga", "operator", width=390) -> Page`; a browser's complaint fails the test."""
    contexts = []

    def make(name: str, role: str, *, width: int = 1280, **options: Any) -> Page:
        made = stack.mosaic("users", "create", name, "--role", role)
        assert made.returncode == 0, made.stderr
        context = browser.new_context(base_url=stack.url, viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(PATIENCE_MS)
        context.on("page", console.watch)
        contexts.append(context)
        page = context.new_page()
        PASSWORDS[page] = made.stdout.strip()
        sign_in(page, name, PASSWORDS[page])
        return page

    yield make
    for context in contexts:
        context.close()
    assert console.unexpected() == []


def prove(page: Page) -> None:
    """Type the password once more where the page asks for it: a slow run outlasts the ten minutes."""
    field = page.get_by_label("Your password")
    if page.get_by_role("heading", name="Is it still you?").count():
        field.fill(PASSWORDS[page])
        page.get_by_role("button", name="Go on").click()


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the whole page where MOSAIC_TEST_SHOTS names a folder: taking one costs as much as a page."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)
