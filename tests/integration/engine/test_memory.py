"""A worker that gets no memory is interrupted, says so, and a resume goes on; and it takes no more than it needs."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from migration.engine import make_plan
from migration.engine.model import Cancelled, Decisions, OutcomeState, Phase
from tests.integration.engine.proxy import proxy_to
from tests.integration.engine.support import Follower, load, migrate, run, scalar, source_at, target_at

REPOSITORY = Path(__file__).resolve().parents[3]
LARGE = 120_000_000  # one value; it is held about three times on its way
ROOMS = (100_000_000, 250_000_000)  # above what the process has when it begins: for libpq too little, then for us
STALL_S, GROWTH = 6.0, 8 << 20  # how long a target takes nothing, and how much a worker may keep for it meanwhile
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


def test_a_worker_does_not_grow_while_its_target_takes_nothing(
    snake_url: str, postgres: Any, make_database: Any
) -> None:
    load(snake_url, "INSERT INTO notes (owner_id, title, body) SELECT id, n::text, repeat('x', 4000) FROM "
         "(SELECT id FROM users LIMIT 1) u, generate_series(1, 50000) n")  # fmt: skip
    target = make_database(postgres)
    with proxy_to(target) as proxy:
        ends = source_at(snake_url), target_at(proxy.url(target))
        sizes: list[tuple[float, int]] = []

        def stall(follower: Follower) -> bool:
            copied = "SELECT count(*) FROM mosaic_migration.chunk WHERE state = 'copied'"
            if not sizes and follower.seen[-1].phase is Phase.COPY and scalar(target, copied) > 1:
                proxy.stall()
            if sizes or not proxy.flows:
                sizes.append((time.monotonic(), resident()))
                if sizes[-1][0] - sizes[0][0] > STALL_S:
                    proxy.flow()
            return False

        outcome = run(make_plan(*ends, Decisions()), *ends, Follower(Cancelled(), stall), chunk_rows=10_000)
    assert outcome.state is OutcomeState.VERIFIED
    stalled = [size for at, size in sizes if at - sizes[0][0] <= STALL_S]
    assert len(stalled) > 10
    assert max(stalled) - stalled[0] <= GROWTH


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
