"""A worker that gets no memory: the run ends as interrupted, says so, and a resume goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from migration.engine.model import OutcomeState
from tests.integration.engine.support import load, migrate, scalar

REPOSITORY = Path(__file__).resolve().parents[3]
LARGE = 120_000_000  # one value; it is held about three times on its way
ROOMS = (100_000_000, 250_000_000)  # above what the process has when it begins: for libpq too little, then for us
SCRIPT = """
import json, resource, sys
from pathlib import Path
import django
django.setup()
from migration.engine.model import Decisions
from mosaic_admin.errors import MosaicError
from tests.integration.engine.support import Follower, make_plan, run, source_at, target_at
source, target = source_at(sys.argv[1]), target_at(sys.argv[2])
plan = make_plan(source, target, Decisions())
has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (has + int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    found = str(run(plan, source, target, chunk_rows=50).state)
except MosaicError as error:
    found = error.message
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(json.dumps(found))
"""


def test_a_worker_that_runs_out_of_memory_says_so_and_a_resume_goes_on(
    snake_url: str, postgres: Any, make_database: Any
) -> None:
    target = make_database(postgres)
    load(
        snake_url,
        f"INSERT INTO notes (owner_id, title, body) SELECT id, 'large', repeat('x', {LARGE}) FROM users LIMIT 1",
    )
    for room in ROOMS:
        assert run_with(room, snake_url, target) == "The worker ran out of memory."
    copied = "SELECT count(*) FROM mosaic_migration.chunk WHERE state = 'copied'"
    assert scalar(target, copied) > 0
    assert migrate(snake_url, target, chunk_rows=50).state is OutcomeState.VERIFIED


def run_with(room: int, source: str, target: str) -> str:
    """Migrate in a process that gets so many bytes and no more; return the state it ended in, or what it says."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, source, target, str(room)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "mosaic_admin.settings", "MALLOC_ARENA_MAX": "1"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout.splitlines()[-1]))
