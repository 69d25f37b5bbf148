"""Jobs on the control-plane database with the fake engine; messages are collected instead of sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from migration import pulse, queue, runner, services
from migration.endpoints import EndpointChoice
from migration.jobs import claim, finish, note_words
from migration.models import JobState, MigrationJob
from mosaic_admin.access import Role
from tests.fakes.engine import FakeEngine
from tests.sessions import prove

SOURCE = {
    "version": 1,
    "tier": "standalone",
    "storage": {"type": "postgres", "url": "postgresql://mosaic:source-canary-1@127.0.0.1:5434/mosaic"},
    "queue": {"type": "bullmq", "url": "redis://127.0.0.1:6390/0"},
    "memory": {"type": "keyword"},
}
TARGET = {
    "version": 1,
    "tier": "federated",
    "storage": {
        "type": "postgres",
        "url": "postgresql://mosaic:target-canary-2@127.0.0.1:5433/mosaic",
        "enableVector": True,
    },
    "queue": {"type": "bullmq", "url": "redis://127.0.0.1:6380/0"},
    "memory": {"type": "pgvector"},
}
BY = services.Actor("ada")


class Sent(list[tuple[str, int, int]]):
    """Messages (kind, job id, attempt) in the order in which they were sent."""


@pytest.fixture(autouse=True)
def _process_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that stops this process's jobs stops nobody else's."""
    monkeypatch.setattr(pulse, "_ending", threading.Event())


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    messages = Sent()

    def send(kind: str, message: list[int]) -> bool:
        messages.append((kind, message[0], message[1]))
        MigrationJob.objects.filter(pk=message[0]).update(enqueued_at=timezone.now())
        return True

    monkeypatch.setattr(queue, "send", send)
    monkeypatch.setattr(queue, "enqueue", lambda kind, job: send(kind, [job.pk, job.attempt]))
    monkeypatch.setattr(queue, "ensure_broker", lambda: None)
    return messages


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()
    monkeypatch.setattr(runner, "default_engine", lambda: fake)
    monkeypatch.setattr(runner, "prepare_schema", lambda target: None)
    return fake


def plan_here(job: MigrationJob) -> MigrationJob:
    """Make the dry run without its heartbeat thread, which could not see a test's open transaction."""
    job.refresh_from_db()
    held = claim("plan", job.pk, job.attempt, "atlas:1")
    assert held is not None
    assert finish(held, **runner._plan(held, runner.default_engine()))
    job.refresh_from_db()
    return job


@pytest.fixture
def new_job(engine: FakeEngine) -> Callable[[], MigrationJob]:
    def make() -> MigrationJob:
        return services.request_plan(
            source=EndpointChoice(SOURCE, "/srv", "standalone"),
            target=EndpointChoice(TARGET, "/srv", "federated"),
            by=BY,
        )

    return make


@pytest.fixture
def planned(new_job: Callable[[], MigrationJob]) -> Callable[[], MigrationJob]:
    def make() -> MigrationJob:
        return plan_here(new_job())

    return make


@pytest.fixture
def queued(planned: Callable[[], MigrationJob]) -> Callable[[], MigrationJob]:
    def make() -> MigrationJob:
        job = planned()
        return services.start_migration(job=job, plan_hash=job.plan_hash, target_name=job.target_name, by=BY)

    return make


@pytest.fixture
def in_state(queued: Callable[[], MigrationJob], planned: Callable[[], MigrationJob]) -> Callable[..., MigrationJob]:
    """Return a job in any effective state, as a worker would have left it."""

    def make(state: str) -> MigrationJob:
        if state in ("planned", "planning", "plan_failed"):
            job = planned()
            values: dict[str, Any] = {"state": state}
        else:
            job = queued()
            values = _as_left_by_a_worker(state)
        if state in ("plan_failed", "failed"):
            values |= {"error_code": "MOS-MIG-107", "error_message": "It broke.", "error_remediation": "Mend it."}
        MigrationJob.objects.filter(pk=job.pk).update(**values)
        note_words(job.pk, values)
        job.refresh_from_db()
        return job

    return make


def _as_left_by_a_worker(state: str) -> dict[str, Any]:
    now = timezone.now()
    values: dict[str, Any] = {"state": state, "started_at": now - timedelta(seconds=60), "progress": PROGRESS}
    values |= {"phase": "copy", "rows_done": 400, "bytes_done": 25_600}
    match state:
        case "queued":
            return {"state": state}
        case "running" | "interrupted":
            age = 40 if state == "interrupted" else 1
            beat = now - timedelta(seconds=age)
            lease = {"lease_owner": "atlas:1", "heartbeat_at": beat, "lease_expires_at": beat + timedelta(seconds=20)}
            return values | lease | {"state": JobState.RUNNING}
        case "verified":
            return values | {"phase": "certificate", "finished_at": now, "result": RESULT}
        case _:
            return values | {"finished_at": now}


PROGRESS = {
    "phase": "copy",
    "phase_started_at": "2026-11-24T22:00:00+00:00",
    "phases": {"preflight": 0.3, "plan": 0.1, "prepare": 1.2},
    "tables": [
        {
            "name": "tasks",
            "state": "copying",
            "rows_done": 400,
            "rows_total": 1000,
            "bytes_done": 25600,
            "bytes_total": 64000,
            "chunks_done": 2,
            "chunks_total": 5,
        }
    ],
    "rows_done": 400,
    "rows_total": 1000,
    "bytes_done": 25600,
    "bytes_total": 64000,
    "index_done": 0,
    "index_total": 3,
    "rate": 1280.0,
    "eta_s": 30.0,
}
RESULT = {
    "state": "verified",
    "verification": {
        "mode": "typed",
        "tables": [
            {
                "name": "tasks",
                "method": "typed",
                "source_rows": 1000,
                "target_rows": 1000,
                "source_sum": "a91f04",
                "target_sum": "a91f04",
                "is_equal": True,
                "differing_keys": [],
                "key_sample": ["ada@example.org"],
                "message": "",
            }
        ],
        "catalog_differences": [],
        "sequence_differences": [],
        "rejects": 0,
    },
    "certificate": {"format": "mosaic-certificate/1", "run_id": "x"},
    "durations": {"copy": 4.0},
    "changed": True,
    "rejects": 0,
}


@pytest.fixture
def signed_in(db: None) -> Callable[[str], Client]:
    def make(role: str) -> Client:
        user = get_user_model().objects.create(username=role, password="!", role=Role(role))  # no slow hash
        client = Client()
        client.force_login(user)
        return prove(client)

    return make
