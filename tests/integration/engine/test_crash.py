"""kill -9 of the worker at each phase and inside it; a resume must end like a run that nobody disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from migration.engine.model import OutcomeState
from tests.integration.engine.support import make_snake, migrate, scalar, state_of

pytestmark = pytest.mark.crash
ROWS = 6_000
MOMENTS = (
    "prepare", "copy", "rows:1", "rows:3000", "after:0.2", "after:0.5", "sequences", "indexes", "index:1", "index:12",
    "verify", "certificate",
)  # fmt: skip


@pytest.fixture(scope="module")
def source(plain_postgres: Any, django_db_blocker: Any) -> str:
    name = f"crash_source_{os.getpid()}"
    with django_db_blocker.unblock():
        scalar_autocommit(plain_postgres.url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        scalar_autocommit(plain_postgres.url, f"CREATE DATABASE {name}")
        url: str = plain_postgres.url_for(name)
        make_snake(url, ROWS)
    return url


def scalar_autocommit(url: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture(scope="module")
def undisturbed(source: str, postgres: Any, django_db_blocker: Any) -> dict[str, str]:
    name = f"crash_undisturbed_{os.getpid()}"
    with django_db_blocker.unblock():
        scalar_autocommit(postgres.url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        scalar_autocommit(postgres.url, f"CREATE DATABASE {name}")
        migrate(source, postgres.url_for(name), chunk_rows=500)
        return state_of(postgres.url_for(name))


def kill_at(moment: str, source: str, target: str) -> int:
    command = [sys.executable, "-m", "tests.integration.engine.runner", source, target, moment]
    return subprocess.run(command, check=False, timeout=120, capture_output=True).returncode


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_worker_resumes_to_the_same_end(
    moment: str, source: str, undisturbed: dict[str, str], postgres: Any, make_database: Any
) -> None:
    target = make_database(postgres)
    assert kill_at(moment, source, target) == -signal.SIGKILL
    outcome = migrate(source, target, chunk_rows=500, lease_expired=True)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert state_of(target) == undisturbed
    assert scalar(target, "SELECT count(*) FROM mosaic_migration.ddl WHERE state = 'dropped'") == 0


def test_two_kills_in_a_row_resume_as_well(
    source: str, undisturbed: dict[str, str], postgres: Any, make_database: Any
) -> None:
    target = make_database(postgres)
    assert kill_at("rows:2000", source, target) == -signal.SIGKILL
    assert kill_at("index:3", source, target) == -signal.SIGKILL
    assert migrate(source, target, chunk_rows=500, lease_expired=True).state is OutcomeState.VERIFIED
    assert state_of(target) == undisturbed
