"""The dashboard's own database goes away and comes back under a running job: the job is not lost and runs once."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from compose.embedded import EmbeddedValkey, Flavour
from migration.models import EffectiveState
from tests.control_plane import ControlPlane, control_plane
from tests.integration.migration.conftest import START_S, Workers, state_of, until
from tests.integration.migration.test_worker import FAKE_WORKER, running
from tests.servers import start_postgres

AWAY_S = 4.0
LOCKED_S = 6.0  # three heartbeats
ASK = """
import json, sys, time, django
django.setup()
from migration import services
from migration.endpoints import EndpointChoice
from migration.models import EffectiveState, MigrationJob
from tests.unit.migration.conftest import BY, SOURCE, TARGET
ends = EndpointChoice(SOURCE, "/srv", "standalone"), EndpointChoice(TARGET, "/srv", "federated")
job = services.request_plan(source=ends[0], target=ends[1], by=BY)
while job.effective_state() is EffectiveState.PLANNING:
    time.sleep(0.2)
    job.refresh_from_db()
services.start_migration(job=job, plan_hash=job.plan_hash, target_name=job.target_name, by=BY)
"""
LOOK = """
import json, django
django.setup()
from migration.models import MigrationJob
job = MigrationJob.objects.get()
events = list(job.events.values_list("message", flat=True))
print(json.dumps([job.effective_state().value, job.phase, job.attempt, events]))
"""


@pytest.fixture
def plane(tmp_path: Path, valkey: EmbeddedValkey) -> Iterator[tuple[ControlPlane, Any]]:
    server = start_postgres("control-plane", Flavour.PLAIN)
    config = tmp_path / "mosaic.config.json"
    with control_plane(tmp_path / "home", config, valkey.url, DATABASE_URL=server.url) as made:
        yield made, server
    server.kill()


def look(plane: ControlPlane) -> tuple[str, str, int, list[str]]:
    state, phase, attempt, events = json.loads(plane.run("-c", LOOK).stdout)
    return state, phase, attempt, events


def test_a_control_plane_that_restarts_costs_no_run_and_makes_none_twice(plane: tuple[ControlPlane, Any]) -> None:
    control, server = plane
    control._spawn("worker", FAKE_WORKER, "25")
    control.run("-c", ASK)
    until(lambda: look(control)[:2] == ("running", "prepare"), START_S, "the copy")
    server.stop()
    time.sleep(AWAY_S)
    server.start()
    until(lambda: look(control)[0] not in ("queued", "running"), START_S, "the end")
    state, _, attempt, events = look(control)
    assert (state, events.count("Phase copy started")) == ("verified", 1), events
    assert attempt == 2, "planned and started, and never taken up again"


@contextmanager
def _everything_locked() -> Iterator[None]:
    """Keep every writer out of the control plane: the file on SQLite, the table of jobs on PostgreSQL."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    given = connection.get_connection_params()
    wanted = {name: given[name] for name in ("host", "port", "user", "password", "dbname") if name in given}
    with psycopg.connect(**wanted) as other_session:
        other_session.execute("LOCK TABLE migration_migrationjob IN ACCESS EXCLUSIVE MODE")
        yield
        other_session.rollback()


def test_a_control_plane_that_takes_no_writes_for_a_while_interrupts_nothing(workers: Workers) -> None:
    workers.start(FAKE_WORKER, "8")
    job = running(workers, "8")
    with _everything_locked():
        time.sleep(LOCKED_S)
    until(lambda: state_of(job) is not EffectiveState.RUNNING, START_S, "the end")
    assert state_of(job) is EffectiveState.VERIFIED
    assert job.events.filter(message="Phase copy started").count() == 1
