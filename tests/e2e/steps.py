"""What an operator does in the browser, step by step, from a new migration to its start."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.stack import shoot

PLAN_TIMEOUT_MS = 60_000  # a dry run on a busy machine


def make_dry_run(page: Page) -> None:
    """Migrations → New → Make a dry run, and wait for the plan."""
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Migrations").click()
    page.get_by_role("link", name=re.compile("New dry run|Make a dry run")).click()
    shoot(page, "1-new")
    page.get_by_role("button", name="Make a dry run").click()
    wait_for_plan(page)


def wait_for_plan(page: Page) -> None:
    expect(page.get_by_text("Plan hash")).to_be_visible(timeout=PLAN_TIMEOUT_MS)


def carry_unknown_tables(page: Page) -> None:
    for table in ("agents", "preferences"):
        page.get_by_role("group", name=table).get_by_text("Carry").click()
    page.get_by_role("button", name="Apply decisions").click()
    wait_for_plan(page)
    expect(page.get_by_text("You decide")).to_have_count(0)


def pause_gateway(page: Page) -> None:
    page.get_by_role("button", name="Pause gateway").click()
    # the plan is made again by itself; until then the old one stands with its button
    expect(page.get_by_role("button", name="Pause gateway")).to_have_count(0, timeout=PLAN_TIMEOUT_MS)
    wait_for_plan(page)


def confirm(page: Page, *, name: str = "", limit: str = "") -> None:
    """Type the target's name, as the page shows it unless another is given, and start, at most `limit` MB/s."""
    shown = page.locator("label[for=target_name] code").inner_text()
    page.get_by_label("Type the target’s name").fill(name or shown)
    page.get_by_label("Speed limit, MB/s").fill(limit)
    page.get_by_role("button", name=re.compile(r"Start run #\d+")).click()


def start(page: Page, *, limit: str = "") -> None:
    """All of it, up to the live page; the copy is held to `limit` MB/s."""
    make_dry_run(page)
    shoot(page, "2-undecided")
    carry_unknown_tables(page)
    pause_gateway(page)
    shoot(page, "3-ready")
    confirm(page, limit=limit)
    expect(page.locator("#live-head")).to_be_visible()
