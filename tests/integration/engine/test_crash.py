"""kill -9 of the worker at each phase and inside it; a resume must end like a run that nobody disturbed."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from migration.engine import make_plan
from migration.engine.model import Decisions, OutcomeState, Paused, Phase
from mosaic_admin.codes import ExitCode
from mosaic_admin.errors import MosaicError
from tests.integration.engine.conftest import on_server
from tests.integration.engine.support import Follower, migrate, run, scalar, source_at, state_of, target_at

pytestmark = pytest.mark.crash
CHUNK_ROWS = 200
MOMENTS = (
    "prepare", "copy", "rows:1", "rows:3000", "after:0.2", "after:0.5", "sequences", "indexes", "index:1", "index:12",
    "verify", "certificate",
)  # fmt: skip


@pytest.fixture(scope="module")
def source(plain_postgres: Any, snake_template: str) -> str:
    url: str = plain_postgres.url_for(snake_template)
    return url


@pytest.fixture(scope="module")
def undisturbed(source: str, postgres: Any, django_db_blocker: Any) -> Iterator[dict[str, str]]:
    name = f"undisturbed_{secrets.token_hex(4)}"
    on_server(postgres, f"CREATE DATABASE {name}")
    with django_db_blocker.unblock():
        migrate(source, postgres.url_for(name), chunk_rows=CHUNK_ROWS)
        yield state_of(postgres.url_for(name))
    on_server(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def kill_at(moment: str, source: str, target: str) -> int:
    command = [sys.executable, "-m", "tests.integration.engine.runner", source, target, moment]
    return subprocess.run(command, check=False, timeout=120, capture_output=True).returncode


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_worker_resumes_to_the_same_end(
    moment: str, source: str, undisturbed: dict[str, str], postgres: Any, make_database: Any
) -> None:
    target = make_database(postgres)
    assert kill_at(moment, source, target) == -signal.SIGKILL
    outcome = migrate(source, target, chunk_rows=CHUNK_ROWS, lease_expired=True)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert state_of(target) == undisturbed
    assert scalar(target, "SELECT count(*) FROM mosaic_migration.ddl WHERE state = 'dropped'") == 0


def test_two_kills_in_a_row_resume_as_well(
    source: str, undisturbed: dict[str, str], postgres: Any, make_database: Any
) -> None:
    target = make_database(postgres)
    assert kill_at("rows:2000", source, target) == -signal.SIGKILL
    assert kill_at("index:3", source, target) == -signal.SIGKILL
    assert migrate(source, target, chunk_rows=CHUNK_ROWS, lease_expired=True).state is OutcomeState.VERIFIED
    assert state_of(target) == undisturbed


@pytest.mark.parametrize("end", ["source", "target"])
def test_a_killed_server_is_an_interruption_and_the_run_resumes(
    end: str, source: str, undisturbed: dict[str, str], plain_postgres: Any, postgres: Any, make_database: Any
) -> None:
    target = make_database(postgres)
    server = plain_postgres if end == "source" else postgres

    def kill(follower: Follower) -> bool:
        if follower.seen and follower.seen[-1].phase is Phase.COPY and not follower.events:
            follower.events.append("killed")
            server.kill()
        return False

    ends = source_at(source), target_at(target)
    plan = make_plan(*ends, Decisions())
    try:
        with pytest.raises(MosaicError) as caught:
            run(plan, *ends, Follower(Paused(), kill), chunk_rows=CHUNK_ROWS)
    finally:
        server.start()
    assert caught.value.exit_code is ExitCode.UNREACHABLE
    assert migrate(source, target, chunk_rows=CHUNK_ROWS).state is OutcomeState.VERIFIED
    assert state_of(target) == undisturbed
