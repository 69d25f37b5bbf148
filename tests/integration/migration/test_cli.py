"""`mosaic storage` as other people's scripts call it: exit codes, one JSON document, the hash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.control_database import lay_tables
from tests.integration.engine.support import CAMEL, load, scalar

MIGRATE = ("migrate-tier", "--to", "federated", "--inline")

SIMPLE = """
CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL, display_name text NOT NULL);
INSERT INTO users SELECT gen_random_uuid(), 'u' || n || '@example.org', 'User ' || n FROM generate_series(1, 500) n;
"""


@dataclass
class Shell:
    """One install: its home, its two configuration files."""

    home: Path
    environment: dict[str, str]

    def mosaic(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mosaic_admin", "storage", *words],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def ends(self, source: str, target: str) -> tuple[str, ...]:
        files = self.write("a.json", "standalone", source), self.write("b.json", "federated", target)
        return "--from", files[0], "--target", files[1]

    def write(self, name: str, tier: str, url: str) -> str:
        is_target = tier == "federated"
        document = {
            "version": 1,
            "tier": tier,
            "storage": {"type": "postgres", "url": url} | ({"enableVector": True} if is_target else {}),
            "queue": {"type": "bullmq", "url": "redis://127.0.0.1:6380/0"},
            "memory": {"type": "pgvector" if is_target else "keyword"},
        }
        path = self.home / name
        path.write_text(json.dumps(document))
        return str(path)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    environment = {**os.environ, "MOSAIC_HOME": str(tmp_path / "home"), "PYTHONPATH": os.getcwd()}
    environment |= {
        "MOSAIC_CONFIG": str(tmp_path / "mosaic.config.json"),
        "DJANGO_SETTINGS_MODULE": "mosaic_admin.settings",
    }
    made = Shell(tmp_path, environment)
    lay_tables(tmp_path / "home")
    return made


@pytest.fixture
def urls(plain_postgres: Any, postgres: Any, make_database: Any) -> tuple[str, str]:
    return make_database(plain_postgres), make_database(postgres)


def test_dry_run_then_confirmed_run_then_status(shell: Shell, urls: tuple[str, str]) -> None:
    load(urls[0], SIMPLE)
    shell.write("mosaic.config.json", "standalone", urls[0])
    ends = ("--target", shell.write("fed.json", "federated", urls[1]))

    dry = shell.mosaic(*MIGRATE, *ends, "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    plan_hash = json.loads(dry.stdout)["plan_hash"]
    assert scalar(urls[1], "SELECT count(*) FROM pg_namespace WHERE nspname = 'mosaic_migration'") == 0

    shown = shell.mosaic(*MIGRATE, *ends, "--dry-run")
    assert shown.returncode == 0
    assert f"--yes --plan-hash {plan_hash}" in shown.stdout.replace("\n", "")

    stale = shell.mosaic(*MIGRATE, *ends, "--yes", "--plan-hash", "0" * 64)
    assert (stale.returncode, "MOS-MIG-102" in stale.stderr) == (3, True)

    unasked = shell.mosaic(*MIGRATE, *ends, "--json")
    assert unasked.returncode == 3
    assert plan_hash in json.loads(unasked.stdout)["error"]["remediation"]

    run = shell.mosaic(*MIGRATE, *ends, "--yes", "--plan-hash", plan_hash, "--json")
    assert run.returncode == 0, run.stderr + run.stdout
    document = json.loads(run.stdout)
    assert (document["state"], document["rows"]["done"]) == ("verified", document["rows"]["total"])

    status = shell.mosaic("status", str(document["number"]))
    assert "Verified" in status.stdout
    everything = dry.stdout + shown.stdout + run.stdout + run.stderr + stale.stderr + status.stdout
    for url in urls:
        assert url.split(":")[2].split("@")[0] not in everything


def test_open_decisions_are_exit_3_and_name_the_option_that_decides_each(shell: Shell, urls: tuple[str, str]) -> None:
    load(urls[0], CAMEL)
    ends = (
        "--from",
        shell.write("a.json", "standalone", urls[0]),
        "--target",
        shell.write("b.json", "federated", urls[1]),
    )
    dry = shell.mosaic(*MIGRATE, *ends, "--dry-run")
    assert dry.returncode == 3, dry.stderr
    for option in ("--carry-table agents", "--drop-column tasks.colour", "--map-value tasks.status:not-started="):
        assert option in dry.stdout
    decided = ("--skip-table", "agents=not used", "--carry-column", "tasks.colour")
    mapped = ("--map-value", "tasks.status:not-started=todo")
    again = shell.mosaic(*MIGRATE, *ends, *decided, *mapped, "--dry-run", "--json")
    assert again.returncode == 0, again.stdout
    assert json.loads(again.stdout)["decisions"]["skip_tables"] == {"agents": "not used"}


def test_a_source_that_is_down_is_exit_69_with_a_remedy(
    shell: Shell, plain_postgres: Any, urls: tuple[str, str]
) -> None:
    ends = (
        "--from",
        shell.write("a.json", "standalone", urls[0]),
        "--target",
        shell.write("b.json", "federated", urls[1]),
    )
    plain_postgres.stop()
    try:
        down = shell.mosaic(*MIGRATE, *ends, "--dry-run")
    finally:
        plain_postgres.start()
    assert down.returncode == 69, down.stderr
    assert "Fix: " in down.stderr


def test_the_wrong_direction_is_refused_before_anything_is_written(shell: Shell, urls: tuple[str, str]) -> None:
    file = shell.write("b.json", "federated", urls[1])
    refused = shell.mosaic(*MIGRATE, "--from", file, "--target", file, "--dry-run")
    assert refused.returncode == 2, refused.stderr
    assert "MOS-MIG-001" in refused.stderr
