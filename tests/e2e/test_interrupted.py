"""Three in the morning: the worker dies in the middle of a migration, and an operator gets it to its end."""

from __future__ import annotations

import os
import re
import signal
import time

import psycopg
from playwright.sync_api import expect

from compose.embedded.process import wait_until
from tests import comparator
from tests.demo import Demo
from tests.e2e import steps
from tests.e2e.looking import look
from tests.e2e.stack import MIGRATED, SignIn, shoot, superuser_url

NOTICED_MS = 30_000
RUN_MS = 120_000


def copied_chunks(url: str) -> tuple[int, int]:
    """Return how many chunks the ledger knows as copied, and how many there are."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('mosaic_migration.chunk')").fetchone() == (None,):
            return 0, 0
        query = "SELECT count(*) FILTER (WHERE state = 'copied'), count(*) FROM mosaic_migration.chunk"
        row = connection.execute(query).fetchone()
    return row or (0, 0)


def kill_worker_while_copying(demo: Demo) -> int:
    """SIGKILL the worker in the middle of the data: half of the tables are in, the largest is not; return its pid."""
    pid, target = demo.pid("worker"), superuser_url(demo, "federated")
    deadline = time.monotonic() + 60
    while copied_chunks(target)[0] < len(MIGRATED) // 2 + 1:
        assert time.monotonic() < deadline, f"the copy does not get on\n{demo.log_tails()}"
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    done, total = copied_chunks(target)
    assert 0 < done < total, "the copy was over before the worker was killed"
    return pid


def test_a_killed_worker_is_noticed_explained_and_resumed_to_a_verified_end(stack: Demo, person: SignIn) -> None:
    source, target = superuser_url(stack, "source"), superuser_url(stack, "federated")
    page = person("olga", "operator")
    steps.start(page)
    dead = kill_worker_while_copying(stack)

    expect(page.get_by_text("The worker stopped. Nothing is lost.")).to_be_visible(timeout=NOTICED_MS)
    expect(page.locator("#live-pill")).to_have_text("Interrupted")
    look(page, "run-interrupted")
    verdict = page.get_by_role("region", name="What happened")
    expect(verdict).to_contain_text("Resume goes on from there")
    expect(verdict).to_contain_text("mosaic storage migrate-tier --to federated --resume")
    safe = copied_chunks(target)[0]

    assert wait_until(lambda: (stack.home / "run" / "worker.pid").exists() and stack.pid("worker") != dead, 60)
    page.get_by_role("button", name=re.compile(r"Resume run #\d+")).click()
    expect(page.get_by_role("heading", name=re.compile(r"Run #\d+"))).to_be_visible(timeout=RUN_MS)
    shoot(page, "6-ended")
    expect(page.locator(".status")).to_have_text("Verified")
    expect(page.get_by_role("region", name="Result")).to_contain_text(f"0 in {len(MIGRATED)} tables")

    mapping = comparator.derive_mapping(source, target, tables=MIGRATED, free=["origin_id"])
    assert comparator.compare(source, target, mapping=mapping) == []
    assert chunks_of_the_first_attempt(target) >= safe, "finished chunks were copied again"


def chunks_of_the_first_attempt(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM mosaic_migration.chunk WHERE epoch = 1").fetchone()
    return row[0] if row else 0
