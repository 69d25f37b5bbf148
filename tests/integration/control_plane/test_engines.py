"""The control plane's tests once more: on PostgreSQL, and with the newest Python that this machine has."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from compose.embedded import EmbeddedPostgres
from tests.program import ROOT
from tests.servers import MakeDatabase

# Rows and what happens between them: people, tokens, audit, jobs with lease and sweeper, history, certificates.
FOLDERS = ("audit", "people", "migration")
RULES = "not cli and not command and not documentation and not generated"  # neither asks the database anything
AT_LEAST = 300
NEWEST = ROOT / ".venv" / "newest" / "bin" / "python"


def run_again(python: str | Path, **settings: str) -> str:
    """Run the control plane's unit tests in a process of their own; fail with its last words."""
    folders = [f"tests/unit/{name}" for name in FOLDERS]
    command = [str(python), "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", "-k", RULES, *folders]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DATABASE_URL"))}
    done = subprocess.run(command, cwd=ROOT, env={**kept, **settings}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout[-500:]
    assert int(passed[1]) >= AT_LEAST, passed[0]
    assert "skipped" not in done.stdout.rsplit("\n", 2)[-2]
    return done.stdout


def test_the_control_plane_runs_on_postgresql(plain_postgres: EmbeddedPostgres, make_database: MakeDatabase) -> None:
    run_again(sys.executable, MOSAIC_TEST_DATABASE_URL=make_database(plain_postgres))


def test_the_control_plane_runs_with_the_newest_python() -> None:
    if not NEWEST.exists():
        found = subprocess.run(["bash", "tests/newest_python.sh"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert "No Python newer" in found.stdout, "make test has to make .venv/newest first"
        return
    minor = subprocess.run([NEWEST, "-c", "import sys; print(sys.version_info.minor)"], capture_output=True, check=True)
    assert int(minor.stdout) > sys.version_info.minor
    run_again(NEWEST)
