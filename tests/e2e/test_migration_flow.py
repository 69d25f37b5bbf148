"""A migration from the first click to its verified end, as an operator, on a phone, and as support."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from compose.embedded.process import wait_until
from tests import comparator
from tests.demo import Demo
from tests.e2e import steps
from tests.e2e.console import Console
from tests.e2e.looking import look
from tests.e2e.stack import MIGRATED, SignIn, shoot, superuser_url
from tests.integration.engine.support import scalar

RUN_MS = 120_000
WORKING = re.compile("Queued|Starting|Checking|Preparing|Copying|Sequences|Indexing|Verifying|Certificate")
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def look_on_a_phone(page: Page, name: str) -> None:
    """Narrow the window, refuse sideways scrolling, and widen it again."""
    page.set_viewport_size({"width": 390, "height": 844})
    shoot(page, f"phone-{name}")
    assert page.evaluate(FITS), f"the page scrolls sideways: {name}"
    page.set_viewport_size({"width": 1280, "height": 900})


def rehearse(page: Page, stack: Demo) -> None:
    """Rehearse beside the serving gateway, look at the end, and come back to a plan with measured times."""
    plan = page.url
    page.get_by_role("button", name="Rehearse").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile("Rehearsal|Plan"))
    expect(page.locator(".page-head .status")).to_have_text("Rehearsed", timeout=RUN_MS)
    expect(page.get_by_text("every row equal")).to_be_visible()
    look(page, "run-rehearsed")
    scratch = "SELECT count(*) FROM pg_database WHERE datname LIKE 'mosaic_rehearsal_%'"
    wait_until(lambda: scalar(superuser_url(stack, "federated"), scratch) == 0, 20, step_s=0.2)
    assert scalar(superuser_url(stack, "federated"), scratch) == 0
    page.goto(plan)
    expect(page.get_by_text(re.compile(r"Measured by rehearsal #\d+"))).to_be_visible()


def test_an_operator_gets_from_a_dry_run_to_a_verified_end(stack: Demo, person: SignIn, console: Console) -> None:
    page = person("piet", "operator")
    steps.make_dry_run(page)
    look(page, "plan-to-decide")
    expect(page.get_by_role("button", name=re.compile("Start run"))).to_be_disabled()
    steps.carry_unknown_tables(page)
    rehearse(page, stack)
    steps.pause_gateway(page)
    look(page, "plan-ready")

    console.allow(r"status of 4\d\d")
    steps.confirm(page, name="mosaic@some.other.host:5432")
    expect(page.get_by_role("alert")).to_contain_text("The typed name is not the target's.")
    steps.confirm(page)
    expect(page.locator("#live-head")).to_be_visible()
    page.reload()
    expect(page.locator("#live-pill")).to_have_text(WORKING)
    expect(page.get_by_text("You can close this page")).to_be_visible()
    look_on_a_phone(page, "live")
    shoot(page, "live")

    expect(page.locator(".page-head .status")).to_have_text("Verified", timeout=RUN_MS)
    expect(page.get_by_role("region", name="Result")).to_contain_text(f"0 in {len(MIGRATED)} tables")
    expect(page.get_by_role("link", name="Certificate")).to_be_visible()
    look(page, "run-verified")

    source, target = superuser_url(stack, "source"), superuser_url(stack, "federated")
    mapping = comparator.derive_mapping(source, target, tables=MIGRATED, free=["origin_id"])
    assert comparator.compare(source, target, mapping=mapping) == []

    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Migrations").click()
    expect(page.get_by_role("region", name="Runs")).to_contain_text("rows moved")
    look_on_a_phone(page, "list")


@pytest.mark.usefixtures("stack")
def test_support_reads_a_plan_and_finds_no_button_that_changes_anything(person: SignIn, console: Console) -> None:
    operator = person("quinn", "operator")
    steps.make_dry_run(operator)
    page = person("sam", "support")
    page.goto(operator.url)
    expect(page.get_by_text("Plan hash")).to_be_visible()
    expect(page.get_by_text("Support: you can read everything here and start nothing.")).to_be_visible()
    changing = page.locator("main form[method=post] button, main button:not([type=button])")
    expect(changing).to_have_count(0)
    shoot(page, "support")
    page.goto("/migrations/")
    expect(page.get_by_role("link", name=re.compile("dry run"))).to_have_count(0)
    console.allow("status of 403")
    response = page.goto("/migrations/new")
    assert response is not None
    assert response.status == 403
