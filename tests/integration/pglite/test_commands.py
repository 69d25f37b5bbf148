"""`mosaic storage` and the cutover, from the configuration of a local install."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.engine.support import scalar
from tests.integration.migration.test_cli import MIGRATE, Shell
from tests.integration.migration.test_cli import shell as shell  # a fixture
from tests.pglite import MakeDirectory
from tiers.pglite.directory import DirectoryLock, tree_hash

SIMPLE = """
CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL, "displayName" text NOT NULL);
INSERT INTO users SELECT gen_random_uuid(), 'u' || n || '@example.org', 'User ' || n FROM generate_series(1, 500) n;
"""


@pytest.mark.parametrize("generation", ["0.3", "0.5"])
def test_migrate_tier_from_a_local_configuration(
    generation: str, shell: Shell, make_directory: MakeDirectory, postgres: Any, make_database: Any
) -> None:
    directory, target = make_directory(generation, SIMPLE), make_database(postgres)
    before = tree_hash(directory)
    local = {
        "version": 1,
        "tier": "local",
        "storage": {"type": "pglite", "dataDir": str(directory)},
        "queue": {"type": "local"},
        "memory": {"type": "keyword"},
    }
    (shell.home / "mosaic.config.json").write_text(json.dumps(local))
    ends = ("--target", shell.write("fed.json", "federated", target))

    with DirectoryLock(directory, "exclusive", "mosaic-gw here:1:1"):
        busy = shell.mosaic(*MIGRATE, *ends, "--dry-run")
    assert (busy.returncode, "MOS-PGL-004" in busy.stderr) == (75, True), busy.stderr
    assert "mosaic gateway pause" in busy.stderr

    dry = shell.mosaic(*MIGRATE, *ends, "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    plan_hash = json.loads(dry.stdout)["plan_hash"]
    shown = shell.mosaic(*MIGRATE, *ends, "--dry-run")
    assert "containers" in shown.stdout
    assert tree_hash(directory) == before

    done = shell.mosaic(*MIGRATE, *ends, "--yes", "--plan-hash", plan_hash, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    assert json.loads(done.stdout)["state"] == "verified"
    assert scalar(target, "SELECT count(*) FROM users WHERE display_name LIKE 'User %'") == 500
    assert tree_hash(directory) == before
    assert not list((shell.home / "home" / "pglite-copies").glob("[!.]*"))
