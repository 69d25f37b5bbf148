"""The live page of a run: watched from two browsers, through a restart of the web server, and without JavaScript."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.demo import Demo
from tests.e2e import steps
from tests.e2e.console import Console
from tests.e2e.stack import SignIn, shoot

SLOW_MB_S = "1"  # the sample is about 80 MB: the copy takes longer than any of these tests looks at it
NEWS_MS = 20_000
STOPS_MS = 30_000
PHASES = ["Preflight", "Plan", "Prepare", "Copy", "Sequences", "Indexes", "Verify", "Certificate"]


def figure(page: Page, label: str) -> Locator:
    """Return one of the figures over the run: "Rows", "Heartbeat", …"""
    return page.locator("#live-head .figures > div").filter(has_text=label).locator("dd")


def expect_news(page: Page) -> None:
    """Expect more rows than now, without anybody touching the page."""
    rows = figure(page, "Rows")
    before = rows.inner_text()
    expect(rows).not_to_have_text(before, timeout=NEWS_MS)


def expect_not_reloaded(page: Page) -> None:
    assert page.evaluate("window.kept") == "kept", "the page was loaded again"


def keep(page: Page) -> None:
    """Leave a mark that a reload of the page would take away."""
    page.evaluate("window.kept = 'kept'")


def expect_everything_is_shown(page: Page) -> None:
    expect(page.locator("#live-pill")).to_have_text("Copying", timeout=NEWS_MS)
    expect(page.locator(".phases > li .state")).to_have_text(PHASES)
    expect(page.locator(".phases > [aria-current=step]")).to_contain_text(re.compile(r"Copy\s*\d+ %"), timeout=NEWS_MS)
    expect(figure(page, "Time left")).to_contain_text(re.compile(r"\d+ s|min.* ends \d\d:\d\d:\d\d"), timeout=NEWS_MS)
    expect(figure(page, "Rate")).to_contain_text("/s")
    expect(figure(page, "Heartbeat")).to_contain_text("Alive")
    expect(page.locator("#live-facts")).to_contain_text(re.compile(r"Worker\s*\S+:\d+, \d copiers"))
    expect(page.locator("#live-events")).to_contain_text("Started, plan")
    copying = page.locator("#live-tables tr").filter(has_text="Copying").first
    expect(copying).to_contain_text(re.compile(r"\d+ of \d+ chunks"))
    expect(copying.locator("svg.bar")).to_have_count(1)
    expect(page.locator("#chart canvas")).to_be_visible(timeout=NEWS_MS)
    expect(page).to_have_title(re.compile(r"^\d+ % · Run #\d+: Copying"))


@pytest.mark.usefixtures("stack")
def test_two_people_watch_the_same_run_and_either_of_them_steers_it(person: SignIn) -> None:
    ada = person("ada", "operator")
    steps.start(ada, limit=SLOW_MB_S)
    bert = person("bert", "operator", width=390, color_scheme="dark")
    bert.goto(ada.url)
    for page in (ada, bert):
        expect_everything_is_shown(page)
        keep(page)
        expect_news(page)
        expect_not_reloaded(page)
    shoot(ada, "live-two-ada")
    shoot(bert, "live-two-bert")

    bert.get_by_role("button", name="Pause").click()
    for page in (ada, bert):
        expect(page.get_by_text("The run is paused. Nothing is lost.")).to_be_visible(timeout=STOPS_MS)
    shoot(ada, "live-paused")
    ada.get_by_role("button", name=re.compile(r"Resume run #\d+")).click()
    for page in (ada, bert):
        expect(page.locator("#live-pill")).to_have_text("Copying", timeout=STOPS_MS)
    expect_news(bert)

    ada.get_by_role("link", name="Cancel run…").click()
    cancel = ada.get_by_role("button", name=re.compile(r"Cancel run #\d+"))
    expect(cancel).to_be_disabled()
    ada.get_by_label(re.compile("Type run")).fill(ada.locator("#cancel-dialog label code").inner_text())
    cancel.click()
    for page in (ada, bert):
        expect(page.locator(".page-head .status")).to_have_text("Cancelled", timeout=STOPS_MS)


def restart_web(demo: Demo) -> None:
    """SIGKILL the web server with all of its workers; the supervisor starts another one."""
    os.killpg(demo.pid("web"), signal.SIGKILL)


def test_the_page_goes_on_by_itself_when_the_web_server_starts_again(
    stack: Demo, person: SignIn, console: Console
) -> None:
    console.allow("ERR_CONNECTION_|Failed to fetch|ERR_EMPTY_RESPONSE|htmx:error: timeout")
    page = person("rita", "operator")
    steps.start(page, limit=SLOW_MB_S)
    expect_everything_is_shown(page)
    keep(page)
    before = stack.pid("web")
    restart_web(stack)
    silence = page.get_by_text("The dashboard does not answer.")
    expect(silence).to_be_visible(timeout=NEWS_MS)
    expect(silence).to_contain_text(re.compile(r"What stands here is from \d\d:\d\d:\d\d UTC\."))
    shoot(page, "live-no-answer")
    expect(silence).to_be_hidden(timeout=60_000)
    assert stack.pid("web") != before
    expect_news(page)
    expect_not_reloaded(page)
    expect(page.locator("#chart canvas")).to_be_visible()
    expect(page.locator("#live-events")).to_contain_text("Started, plan")
    cancel_in_full(page)


def test_an_error_in_the_way_is_said_and_the_last_values_stay(person: SignIn, console: Console) -> None:
    """A proxy whose web server is away answers 502 with a page of its own: it has no place in the run's page."""
    console.allow("502|Response Status Error Code")
    page = person("rolf", "operator")
    steps.start(page, limit=SLOW_MB_S)
    expect_everything_is_shown(page)

    def refuse(route: Any) -> None:
        route.fulfill(status=502, content_type="text/html", body="<h1>Bad Gateway</h1>")

    page.route("**/live?*", refuse)
    expect(page.get_by_text("The dashboard answers with an error (502).")).to_be_visible(timeout=NEWS_MS)
    expect(page.get_by_text("Bad Gateway")).to_have_count(0)
    expect(figure(page, "Rows")).to_be_visible()
    page.unroute("**/live?*", refuse)
    expect(page.get_by_text("The dashboard answers with an error (502).")).to_be_hidden(timeout=NEWS_MS)
    expect_news(page)
    cancel_in_full(page)


def cancel_in_full(page: Page) -> None:
    """Cancel the run on the page that asks for its name, and see it end."""
    number = page.url.rstrip("/").rpartition("/")[2]
    page.goto(f"/migrations/{number}/cancel")
    page.get_by_label(re.compile("Type run")).fill(f"run {number}")
    page.get_by_role("button", name=f"Cancel run #{number}").click()
    expect(page.locator(".page-head .status")).to_have_text("Cancelled", timeout=STOPS_MS)


@pytest.mark.usefixtures("stack")
def test_a_run_is_started_watched_and_steered_without_javascript(person: SignIn) -> None:
    page = person("nina", "operator", java_script_enabled=False)
    steps.start(page, limit=SLOW_MB_S)
    expect(page.locator("#live-pill")).to_have_text("Copying", timeout=NEWS_MS)
    note = page.locator("#throughput noscript p")  # Playwright's words skip what stands in <noscript>
    expect(note).to_contain_text("This page loads itself again every 5 s.")
    expect_news(page)  # the page loads itself
    expect(page.locator("#live-tables tr").filter(has_text="Copying").first).to_contain_text("chunks")
    shoot(page, "live-no-script")
    note.locator("a").click()
    expect(note).to_contain_text("This page stands still.")
    page.get_by_label("MB/s, empty for no limit").fill("1.5")
    page.get_by_role("button", name="Set limit").click()
    expect(page.locator("#live-events")).to_contain_text("Speed limit: 1.5 MB/s")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#live-pill")).to_have_text("Paused", timeout=STOPS_MS)
    page.get_by_role("button", name=re.compile(r"Resume run #\d+")).click()
    expect(page.locator("#live-pill")).to_have_text("Copying", timeout=STOPS_MS)
    page.get_by_role("link", name="Cancel run…").click()
    number = page.url.split("/")[-2]
    page.get_by_label(re.compile("Type run")).fill(f"run {number}")
    page.get_by_role("button", name=f"Cancel run #{number}").click()
    expect(page.locator(".page-head .status")).to_have_text("Cancelled", timeout=STOPS_MS)
