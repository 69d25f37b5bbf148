"""Inviting somebody and reading the audit log, in a browser."""

from __future__ import annotations

import csv
import json
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, expect

from tests.demo import Demo
from tests.e2e.conftest import AsPerson
from tests.e2e.console import Console
from tests.e2e.looking import look, said, sign_in
from tests.e2e.stack import shoot

PASSWORD = "a-password-of-her-own"
OLD = "from django.contrib.sessions.backends.db import SessionStore as S; s = S(%r); s['proved_at'] = 1.0; s.save()"


def confirm(page: Page, name: str, button: str) -> None:
    expect(page.get_by_role("button", name=button)).to_be_disabled()
    page.get_by_label(f"Type {name}").fill(name)
    page.get_by_role("button", name=button).click()


def test_an_invited_person_joins_and_is_reset(signed_in: Page, browser: Browser, demo: Demo) -> None:
    page = signed_in
    page.goto("/people/")
    page.get_by_label("Name", exact=True).fill("ines")
    page.get_by_role("button", name="Make invitation link").click()
    address = said(page).locator("code").inner_text()
    look(page, "invited")
    row = page.get_by_role("row", name="ines")
    expect(row).to_contain_text("Link not used yet")

    context = browser.new_context(base_url=demo.url)
    guest = context.new_page()
    guest.goto(address)
    expect(guest.get_by_role("heading", name="Welcome, ines")).to_be_visible()
    look(guest, "invitation")
    guest.get_by_label("Password, 12 characters or more").fill(PASSWORD)
    guest.get_by_label("Password again").fill(PASSWORD)
    guest.get_by_role("button", name="Set password and sign in").click()
    expect(guest.locator(".strip")).to_contain_text("ines · support")
    guest.goto(address)
    expect(guest.locator("body")).to_contain_text("MOS-ACC-031")
    look(guest, "invitation-used")

    page.goto("/people/")
    row = page.get_by_role("row", name="ines")
    expect(row).to_contain_text("Active")
    row.get_by_role("link", name="New link…").click()
    expect(page.locator("main")).to_contain_text("every session ends")
    page.get_by_role("button", name="Make new link").click()
    expect(said(page)).to_contain_text("The old password of ines no longer works.")
    guest.goto("/")
    expect(guest.get_by_role("heading", name="Sign in to")).to_be_visible()
    context.close()


def test_the_audit_log_is_filtered_and_exported(signed_in: Page, tmp_path: Any) -> None:
    page = signed_in
    page.goto("/tiers/new/?tier=local")
    page.get_by_label("Name").fill("audited")
    page.get_by_label("Why (optional)").fill("to be seen in the log")
    page.get_by_role("button", name="Save configuration").click()
    page.get_by_role("link", name="Audit log").click()
    row = page.get_by_role("row").filter(has_text="audited")
    expect(row).to_contain_text("Created a configuration")
    expect(row).to_contain_text("to be seen in the log")
    expect(row).to_contain_text("127.0.0.1")
    row.locator("summary").click()
    expect(row.locator("ins").first).to_be_visible()
    shoot(page, "audit-open")
    page.get_by_label("Action").select_option(label="Signed in")
    page.get_by_label("Person").fill("admin")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("row").filter(has_text="audited")).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text="Signed in").first).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name="CSV").click()
    with started.value.path().open(newline="") as file:
        assert {line["action"] for line in csv.DictReader(file)} == {"session.sign-in"}
    page.get_by_role("link", name="Clear").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="JSON").click()
    assert "audit.export" in {event["action"] for event in json.loads(started.value.path().read_text())}


def test_a_person_gets_another_role_and_a_closed_account(signed_in: Page, as_person: AsPerson) -> None:
    page, other = signed_in, as_person("nora", "support")
    page.goto("/people/")
    row = page.get_by_role("row", name="nora")
    row.get_by_label("Role of nora").select_option("operator")
    row.get_by_role("button", name="Set role").click()
    expect(said(page)).to_contain_text("role Operator")
    other.reload()
    expect(other.locator(".strip")).to_contain_text("nora · operator")
    row.get_by_role("link", name="Close account…").click()
    confirm(page, "nora", "Close account")
    expect(row).to_contain_text("Closed")
    other.reload()
    expect(other.get_by_role("heading", name="Sign in to")).to_be_visible()


def test_a_person_changes_the_password_and_signs_in_with_it(as_person: AsPerson) -> None:
    page = as_person("peer", "support")
    page.locator("summary", has_text="peer").click()
    page.get_by_role("link", name="Change password").click()
    page.get_by_label("Password now").fill(as_person.passwords["peer"])
    page.get_by_label("New password, 12 characters or more").fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(said(page)).to_contain_text("Your other sessions have ended")
    page.locator("summary", has_text="peer").click()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, "peer", PASSWORD)
    expect(page.locator(".strip")).to_contain_text("peer · support")


def test_a_token_opens_the_api_until_it_is_revoked(signed_in: Page, demo: Demo) -> None:
    page = signed_in
    page.goto("/people/tokens/")
    page.get_by_label("What it is for").fill("nightly build")
    page.get_by_role("button", name="Make token").click()
    raw = said(page).locator("code").inner_text()
    look(page, "token-made")

    def status() -> int:
        headers = {"Authorization": f"Bearer {raw}"}
        return httpx.get(f"{demo.url}/api/v1/doctor/schema", headers=headers, trust_env=False).status_code

    assert status() == 200
    page.goto("/people/tokens/")
    expect(page.locator("body")).not_to_contain_text(raw)
    page.get_by_role("row", name="nightly build").get_by_role("link", name="Revoke…").click()
    look(page, "token-revoke")
    confirm(page, "nightly build", "Revoke token")
    expect(said(page)).to_contain_text("nightly build is revoked")
    assert status() == 401


def let_the_proof_grow_old(page: Page, demo: Demo) -> None:
    """Let it be more than ten minutes since this browser's person typed their password."""
    (key,) = (cookie["value"] for cookie in page.context.cookies() if "session" in cookie.get("name", ""))
    done = demo.run(
        [*demo.program.module("django", "shell", "--settings", "mosaic_admin.settings", "--command"), OLD % key]
    )
    assert done.returncode == 0, done.stderr


def test_an_admin_who_was_away_is_asked_for_the_password(as_person: AsPerson, console: Console, demo: Demo) -> None:
    console.allow("403")  # the page that asks
    admin = as_person("olivia", "admin")
    let_the_proof_grow_old(admin, demo)
    admin.goto("/people/")
    admin.get_by_label("Name", exact=True).fill("pia")
    admin.get_by_role("button", name="Make invitation link").click()
    expect(admin.get_by_role("heading", name="Is it still you?")).to_be_visible()
    look(admin, "step-up")
    admin.get_by_label("Your password").fill(as_person.passwords["olivia"])
    admin.get_by_role("button", name="Go on").click()
    expect(said(admin)).to_contain_text("pia is invited.")


def test_the_api_reference_lists_the_operations(as_admin: Page) -> None:
    as_admin.goto("/api/v1/docs")
    expect(as_admin.get_by_text("/api/v1/migrations/{number}/events")).to_be_visible()
