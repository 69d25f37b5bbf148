"""The wizard for an install that leaves a PGlite directory: it says what it can't see, asks, and moves everything."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from tests.demo import Demo
from tests.e2e import steps
from tests.e2e.console import Console
from tests.e2e.looking import look
from tests.e2e.stack import SignIn, superuser_url
from tests.integration.engine.support import scalar
from tests.pglite import MakeDirectory
from tiers.pglite.directory import tree_hash

RUN_MS = 120_000
ROWS = """
CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL, "displayName" text NOT NULL);
INSERT INTO users SELECT gen_random_uuid(), 'u' || n || '@example.org', 'User ' || n FROM generate_series(1, 500) n;
"""
ADD = """
import json, sys
from tiers.services import create_config
create_config(name="laptop", document=json.loads(sys.stdin.read()))
"""


def test_an_operator_moves_a_local_install(
    stack: Demo, person: SignIn, console: Console, make_directory: MakeDirectory
) -> None:
    directory = make_directory("0.4", ROWS)
    before = tree_hash(directory)
    local = {
        "version": 1,
        "tier": "local",
        "storage": {"type": "pglite", "dataDir": str(directory)},
        "queue": {"type": "local"},
        "memory": {"type": "keyword"},
    }
    shell = stack.program.module("django", "shell", "--settings", "mosaic_admin.settings", "--no-imports", "-c", ADD)
    added = stack.run(shell, text=json.dumps(local))
    assert added.returncode == 0, added.stderr

    page = person("lotte", "operator")
    page.goto("/migrations/new")
    page.get_by_label("Source, only read").select_option(label="laptop (local)")
    page.get_by_role("button", name="Make a dry run").click()
    steps.wait_for_plan(page)
    expect(page.get_by_text("other hosts and containers can't be seen").first).to_be_visible()
    look(page, "plan-local")

    console.allow("status of 422")
    steps.confirm(page)
    expect(page.get_by_role("alert")).to_contain_text("Nobody has said that every program")
    page.get_by_label(re.compile("Every program that uses the source’s directory is stopped")).check()
    steps.confirm(page)
    expect(page.locator(".page-head .status")).to_have_text("Verified", timeout=RUN_MS)
    assert scalar(superuser_url(stack, "federated"), "SELECT count(*) FROM users") == 500
    assert tree_hash(directory) == before
    assert not list((stack.home / "pglite-copies").glob("[!.]*"))
