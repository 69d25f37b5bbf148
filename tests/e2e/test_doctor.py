"""The doctor in a browser: asked, believed, overruled, asked about another tier, and told whom to call."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from tests.demo import Demo
from tests.e2e.console import Console
from tests.e2e.looking import look, said

OLD_WORD = "MOS-CFG-011"


def test_a_warning_is_found_explained_put_aside_and_counted_again(signed_in: Page, kept_file: Demo) -> None:
    page = signed_in
    kept_file.config_file.write_text(json.dumps({**kept_file.config(), "tier": "team"}))
    page.goto("/doctor/")
    page.wait_for_timeout(2_500)  # a report is given again for two seconds: that one may be from before
    page.get_by_role("button", name="Check now").click()
    row = page.locator(".row-line").filter(has_text=OLD_WORD).first
    expect(row).to_contain_text("mosaic config upgrade")
    row.get_by_role("link", name=OLD_WORD).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The tier has its old name")
    page.goto("/doctor/")
    row.get_by_role("link", name="Suppress…").click()
    page.get_by_label("Why it can wait").fill("The file is rewritten with the next release.")
    page.get_by_role("button", name="Suppress finding").click()
    expect(said(page)).to_contain_text("is put aside until")
    aside = page.locator(".card").filter(has=page.get_by_role("heading", name="Suppressed"))
    expect(aside).to_contain_text("The file is rewritten with the next release.")
    aside.get_by_role("button", name="Count again").click()
    expect(said(page)).to_contain_text("counts again")
    page.get_by_role("link", name="History").click()
    page.locator("tbody a").first.click()
    expect(page.locator("main")).to_contain_text(OLD_WORD)


def test_the_doctor_says_whether_the_install_could_move_and_hands_out_its_bundle(signed_in: Page) -> None:
    page = signed_in
    page.get_by_role("button", name="Check now").click()
    page.goto("/doctor/")
    page.get_by_role("link", name="federated?").click()
    expect(page.locator("main")).to_contain_text("as if this install moved there")
    with page.expect_download() as started:
        page.get_by_role("link", name="Support bundle").click()
    assert started.value.suggested_filename.startswith("mosaic-doctor-")


def test_a_webhook_is_refused_inside_the_network_added_and_removed(signed_in: Page, console: Console) -> None:
    page = signed_in
    console.allow("status of 422")
    page.goto("/doctor/webhooks/")
    page.get_by_label("Address").fill("http://127.0.0.1:9/hook")
    page.get_by_role("button", name="Add webhook").click()
    expect(page.get_by_label("Address")).to_be_focused()
    expect(page.locator(".field-error")).to_contain_text("inside a private network")
    page.get_by_label("Address").fill("https://8.8.8.8/secret-path")
    page.get_by_role("button", name="Add webhook").click()
    expect(said(page)).to_contain_text("is shown this once")
    row = page.get_by_role("row", name="8.8.8.8")
    expect(row).not_to_contain_text("secret-path")
    row.get_by_role("link", name="Remove webhook…").click()
    look(page, "webhook-remove")
    page.get_by_label("Type 8.8.8.8:443").fill("8.8.8.8:443")
    page.get_by_role("button", name="Remove webhook").click()
    expect(said(page)).to_contain_text("The webhook is removed.")
