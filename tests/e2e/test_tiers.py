"""The tier pages in a browser: make, edit, activate, drift, import."""

from __future__ import annotations

import json

from playwright.sync_api import Browser, Page, expect

from tests.demo import Demo
from tests.e2e.console import Console
from tests.e2e.looking import look, sign_in
from tests.e2e.stack import shoot


def save_local(page: Page, name: str, folder: str) -> None:
    page.goto("/tiers/")
    page.get_by_role("link", name="New configuration").click()
    page.get_by_role("link", name="local", exact=True).click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Data folder").fill(folder)
    page.get_by_role("button", name="Save configuration").click()


def test_a_configuration_is_made_corrected_and_edited(signed_in: Page, console: Console) -> None:
    page = signed_in
    console.allow("422")
    page.goto("/tiers/new/?tier=federated")
    page.get_by_label("Name").fill("spare")
    page.get_by_label("PostgreSQL address").fill("postgresql://u:typed-password@db/mosaic?sslmod=require")
    page.get_by_label("Valkey address").fill("")
    page.get_by_role("button", name="Save configuration").click()
    address = page.get_by_label("PostgreSQL address")
    expect(address).to_have_attribute("aria-invalid", "true")
    expect(address).to_be_focused()
    expect(page.locator("#id_f\\.storage\\.url_error")).to_contain_text('Did you mean "sslmode"?')
    expect(page.locator("#id_f\\.queue\\.url_error")).to_contain_text("set and empty")
    assert "typed-password" not in page.content()
    look(page, "tier-refused")
    address.fill("postgresql://u:typed-password@db/mosaic?sslmode=require")
    page.get_by_label("Valkey address").fill("redis://db:6380/0")
    page.get_by_role("button", name="Save configuration").click()
    expect(page.get_by_role("heading", name="spare")).to_be_visible()
    expect(page.locator("body")).to_contain_text("postgresql://u:•••@db/mosaic?sslmode=require")
    assert "typed-password" not in page.content()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Why (optional)").fill("another database")
    page.get_by_label("PostgreSQL address").fill("postgresql://u:•••@db/other?sslmode=require")
    page.get_by_role("button", name="Save revision").click()
    page.locator("summary", has_text="Edited").click()
    expect(page.locator("ins").first).to_contain_text("u:•••@db/other")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_role("link", name="Edit as JSON").click()
    expect(page.get_by_label("mosaic.config.json")).to_have_value(r"""{
  "version": 1,
  "tier": "federated",
  "storage": {
    "type": "postgres",
    "url": "postgresql://u:•••@db/other?sslmode=require",
    "enableVector": true
  },
  "queue": {
    "type": "bullmq",
    "url": "redis://db:6380/0"
  },
  "memory": {
    "type": "pgvector"
  }
}
""")


def test_activation_asks_for_the_name_and_writes_the_file(signed_in: Page, kept_file: Demo, console: Console) -> None:
    page, demo = signed_in, kept_file
    console.allow("422")
    save_local(page, "laptop", "data/laptop")
    page.get_by_role("link", name="Activate…").click()
    expect(page.get_by_role("heading", name="Activate laptop?")).to_be_visible()
    expect(page.locator(".rail")).to_contain_text("Several gateway processes")
    shoot(page, "tiers-activate")
    before = demo.config_file.read_text()
    page.get_by_label("Type laptop to activate it").fill("Laptop")
    page.get_by_role("button", name="Activate revision 1").click()
    expect(page.locator("#id_confirm_error")).to_have_text("This is not the name: laptop.")
    assert demo.config_file.read_text() == before
    page.get_by_label("Type laptop to activate it").fill("laptop")
    page.get_by_role("button", name="Activate revision 1").click()
    expect(page.locator("body")).to_contain_text("The gateway reads it at its next start.")
    assert json.loads(demo.config_file.read_text())["storage"]["dataDir"] == "data/laptop"


def test_a_change_by_hand_shows_and_is_imported(signed_in: Page, kept_file: Demo) -> None:
    page, demo = signed_in, kept_file
    page.goto("/tiers/")
    page.get_by_role("link", name="standalone", exact=True).first.click()
    number = page.url.rstrip("/").rpartition("/")[2]
    document = demo.config()
    demo.config_file.write_text(json.dumps({**document, "$comment": "by hand"}))
    try:
        page.goto(f"/tiers/{number}/")
        expect(page.locator(".note.is-warn")).to_contain_text("was changed by hand")
        expect(page.locator(".note ins")).to_contain_text("by hand")
        look(page, "tier-changed-by-hand")
        page.get_by_role("button", name="Import the file").click()
        expect(page.locator("body")).to_contain_text("The file is taken over as revision")
        expect(page.locator(".note.is-warn")).to_have_count(0)
    finally:
        demo.config_file.write_text(json.dumps(document))
        page.goto("/tiers/")
        page.get_by_role("button", name="Import the file").first.click()


def test_everything_works_without_javascript(browser: Browser, demo: Demo) -> None:
    context = browser.new_context(base_url=demo.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, "admin", demo.password)
    save_local(page, "no script", "data/no-script")
    expect(page.get_by_role("heading", name="no script")).to_be_visible()
    context.close()
