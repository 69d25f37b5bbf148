"""What an operator does with a run that is not over, and with one that failed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.demo import Demo
from tests.e2e import steps
from tests.e2e.looking import look, said
from tests.e2e.stack import superuser_url

SLOWEST_MB_S = "0.1"
LARGE_BYTES = 6_000_000  # a minute at that speed
RUN_MS = 120_000
RULES = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'tasks'::regclass AND contype = 'c'
"""


def on_source(demo: Demo, *statements: str) -> None:
    with psycopg.connect(superuser_url(demo, "source")) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def slow_stack(small_stack: Demo) -> Iterator[Demo]:
    """A stack with one row that takes long at the slowest speed."""
    large = f"(SELECT string_agg(md5(n::text), '') FROM generate_series(1, {LARGE_BYTES // 32}) n)"
    on_source(small_stack, f"UPDATE notes SET body = {large} WHERE id = (SELECT min(id::text)::uuid FROM notes)")
    yield small_stack
    on_source(small_stack, f"UPDATE notes SET body = 'short again' WHERE length(body) >= {LARGE_BYTES - 32}")


@pytest.fixture
def lax_stack(small_stack: Demo) -> Iterator[Demo]:
    """A stack whose source has no rules for tasks: it may hold what the store forbids."""
    with psycopg.connect(superuser_url(small_stack, "source")) as connection:
        rules = connection.execute(RULES).fetchall()
        for name, _ in rules:
            connection.execute(f'ALTER TABLE tasks DROP CONSTRAINT "{name}"')
    yield small_stack
    on_source(small_stack, "UPDATE tasks SET title = 'named again' WHERE title = ''")
    on_source(small_stack, *(f'ALTER TABLE tasks ADD CONSTRAINT "{name}" {definition}' for name, definition in rules))


def ready_plan(demo: Demo) -> int:
    """Pause the gateway, make a dry run that nothing is in the way of, and return its number."""
    assert demo.mosaic("gateway", "pause").returncode == 0
    carried = ("--carry-table", "agents", "--carry-table", "preferences")
    done = demo.mosaic("storage", "migrate-tier", "--to", "federated", "--dry-run", *carried)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = demo.mosaic("storage", "status", "--json")
    number: int = max(run["number"] for run in json.loads(listed.stdout)["runs"])
    return number


def test_a_run_is_slowed_paused_resumed_cancelled_and_discarded(slow_stack: Demo, signed_in: Page) -> None:
    page, number = signed_in, ready_plan(slow_stack)
    page.goto(f"/migrations/{number}/")
    steps.confirm(page, limit=SLOWEST_MB_S)
    expect(page.locator("#live-pill")).to_have_text("Copying", timeout=RUN_MS)
    look(page, "run-live")
    page.get_by_label("MB/s, empty for no limit").fill("0.2")
    page.get_by_role("button", name="Set limit").click()
    expect(page.locator("main")).to_contain_text("0.2 MB/s")

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("The run is paused. Nothing is lost.")).to_be_visible(timeout=RUN_MS)
    look(page, "run-paused")
    page.get_by_role("button", name=f"Resume run #{number}").click()
    expect(page.locator("#live-pill")).to_have_text("Copying", timeout=RUN_MS)

    page.get_by_role("link", name="Cancel run…").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"Cancel run #{number}?")
    page.get_by_role("link", name="Keep copying").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.goto(f"/migrations/{number}/cancel")
    look(page, "run-cancel")
    expect(page.get_by_role("button", name="Cancel run")).to_be_disabled()
    page.get_by_label(f"Type run {number}").fill(f"run {number}")
    page.get_by_role("button", name="Cancel run").click()
    expect(page.locator(".page-head .status")).to_have_text("Cancelled", timeout=RUN_MS)

    page.get_by_role("link", name="discard it…").click()
    look(page, "run-discard")
    page.get_by_label("Type the target’s name").fill(page.locator("label[for=confirmation] code").inner_text())
    page.get_by_role("button", name="Discard run").click()
    expect(said(page)).to_contain_text("rows are out of the target")
    with psycopg.connect(superuser_url(slow_stack, "federated")) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)


def test_rejected_rows_stop_a_run_are_accepted_explained_and_compared(lax_stack: Demo, signed_in: Page) -> None:
    page, number = signed_in, ready_plan(lax_stack)
    on_source(lax_stack, "UPDATE tasks SET title = '' WHERE id = (SELECT min(id::text)::uuid FROM tasks)")
    page.goto(f"/migrations/{number}/")
    steps.confirm(page)
    expect(page.locator(".page-head .status")).to_have_text("Failed in preflight", timeout=RUN_MS)
    expect(page.get_by_role("region", name="What failed")).to_contain_text("has no title of 1 to 500 characters")
    look(page, "run-failed")
    steps.make_dry_run(page)
    steps.carry_unknown_tables(page)
    page.get_by_label("Rows that may stay behind").fill("1")
    page.get_by_role("button", name="Accept them").click()
    expect(page.get_by_role("button", name="Accept them")).to_have_count(0, timeout=steps.PLAN_TIMEOUT_MS)
    steps.wait_for_plan(page)
    steps.confirm(page)
    expect(page.locator(".page-head .status")).to_have_text("Verified", timeout=RUN_MS)
    page.get_by_role("link", name="Which, and why").click()
    expect(page.locator("#counts")).to_contain_text("a rule of the store (CHECK) forbids it")
    look(page, "run-rejects")
    page.get_by_role("link", name=re.compile("^Run #")).click()
    second = re.findall(r"\d+", page.url)[-1]
    page.goto(f"{page.url}events")
    expect(page.get_by_role("heading", name="Events", level=1)).to_be_visible()
    look(page, "run-events")

    page.goto("/migrations/")
    page.get_by_label("State", exact=True).select_option(label="Failed")
    page.get_by_role("button", name="Filter").click()
    runs = page.get_by_role("region", name="Runs")
    expect(runs.get_by_role("link", name=f"#{number}", exact=True)).to_be_visible()
    expect(runs.get_by_role("link", name=f"#{second}", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Clear").click()
    for ticked in (second, number):
        runs.get_by_label(f"Compare run #{ticked}", exact=True).check()
    look(page, "runs")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url(f"**/migrations/compare?a={number}&b={second}")
    expect(page.get_by_label("First run")).to_have_value(str(number))
    expect(page.locator("main")).to_contain_text("Differs")
    look(page, "compared")
    page.get_by_label("Only what differs").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("cell", name="Versions")).to_have_count(0)
    expect(page.get_by_role("cell", name="State")).to_be_visible()
    page.goto("/migrations/")
    with page.expect_download() as started:
        page.get_by_role("link", name="CSV").click()
    assert "MOS-MIG-020" in started.value.path().read_text()
