"""A control plane of its own (SQLite file, real Valkey) with real worker processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery
from django.db import connection
from django.utils import timezone

from compose.embedded import EmbeddedValkey
from migration import queue
from migration.models import EffectiveState, MigrationJob

START_S = 120.0  # importing Django and Celery on a busy machine


@dataclass
class Workers:
    """Starts real worker processes and ends them, each by its own process id."""

    environment: dict[str, str]
    log: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as out:
            process = subprocess.Popen([sys.executable, "-m", *command], env=self.environment, stdout=out, stderr=out)
        self.started.append(process)
        return process

    def stop_all(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(10)


def until(condition: Callable[[], bool], seconds: float, what: str = "it") -> float:
    """Wait for a condition; returns the seconds it took."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, f"{what} did not happen within {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - begin


def age_lease(job: MigrationJob) -> None:
    """Let the lease of a killed worker be over, as twenty seconds would; the browser test waits for them."""
    MigrationJob.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def state_of(job: MigrationJob) -> EffectiveState:
    job.refresh_from_db()
    return job.effective_state()


@pytest.fixture
def broker(valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The tests' Valkey as the control plane's broker, empty; an application of its own sends to it."""
    app = Celery("mosaic_admin", broker=valkey.url, set_as_current=False)
    app.conf.task_publish_retry = False
    app.conf.broker_transport_options = {"socket_connect_timeout": 2, "socket_timeout": 5}
    with app.connection_for_write() as link:
        link.default_channel.client.flushdb()
    monkeypatch.setattr(queue, "celery_app", lambda: app)
    yield valkey.url
    app.close()


@pytest.fixture
def workers(transactional_db: None, broker: str, tmp_path: Path) -> Iterator[Workers]:
    """Workers on the same database file and broker as the test."""
    name = str(connection.settings_dict["NAME"])
    environment = {**os.environ, "VALKEY_URL": broker, "MOSAIC_TEST_CONTROL_FILE": name}
    environment["DJANGO_SETTINGS_MODULE"] = "tests.fakes.worker_settings"
    made = Workers(environment, tmp_path / "worker.log")
    yield made
    made.stop_all()
    if made.log.is_file():
        sys.stdout.write(made.log.read_text()[-4000:])  # pytest shows it when a test fails
