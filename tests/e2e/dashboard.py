"""A dashboard of its own on a real engine: web, worker, their Valkey, and a compose stack that was never started."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from compose.embedded.ports import free_port
from compose.embedded.process import wait_until
from tests import environment
from tests.engine import ComposeStack, removed_afterwards
from tests.processes import end_all
from tests.program import Program, tested
from tests.servers import start_valkey

START_S = 120.0


@dataclass
class Dashboard:
    """Two processes over one compose stack; `password(name)` made a person."""

    stack: ComposeStack
    valkey_url: str
    port: int = field(default_factory=free_port)
    extra: dict[str, str] = field(default_factory=dict)
    program: Program = field(default_factory=tested)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        own = {"VALKEY_URL": self.valkey_url, "DJANGO_SETTINGS_MODULE": "mosaic_admin.settings"}
        return {**self.stack.environment, **own, **self.extra}

    def run(self, *arguments: str) -> str:
        command, folder = self.program.module(*arguments), self.program.folder
        done = subprocess.run(command, env=self.environment, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def password(self, name: str, role: str) -> str:
        """Add a person and return the generated password."""
        return self.run("mosaic_admin", "users", "create", name, "--role", role)

    def start(self) -> None:
        self.run("django", "migrate", "--verbosity", "0")
        web = ("gunicorn", "mosaic_admin.wsgi", "--worker-class", "gthread", "--threads", "4", "--no-control-socket")
        worker = ("celery", "--app", "mosaic_admin", "worker", "--pool", "threads", "--concurrency", "2")
        self._spawn("web", *web, "--bind", f"127.0.0.1:{self.port}")
        self._spawn("worker", *worker, "--without-gossip", "--without-mingle")
        assert wait_until(self._answers, START_S, step_s=0.2), (self.stack.folder / "web.log").read_text()

    def _spawn(self, name: str, *command: str) -> None:
        with (self.stack.folder / f"{name}.log").open("wb") as log:
            run, folder = self.program.module(*command), self.program.folder
            self.processes.append(subprocess.Popen(run, env=self.environment, cwd=folder, stdout=log, stderr=log))

    def _answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.url}/healthz", timeout=2):  # noqa: S310 - our own
            return True
        return False

    def stop(self) -> None:
        end_all(self.processes)


@pytest.fixture(scope="module")
def docker_dashboard(engine: None) -> Iterator[Dashboard]:
    server = start_valkey("dashboard")
    with removed_afterwards(environment.ROOT / "docker-dashboard") as stack:
        made = Dashboard(stack, server.url)
        try:
            made.start()
            yield made
        finally:
            made.stop()
    server.kill()


@pytest.fixture(scope="module")
def dashboard_without_engine() -> Iterator[Dashboard]:
    """The same where no engine answers: the client is told to look at a socket that is not there."""
    server = start_valkey("no-engine")
    folder = environment.ROOT / "no-engine-dashboard"
    folder.mkdir(mode=0o700)
    ports = {"MOSAIC_POSTGRES_PORT": free_port(), "MOSAIC_VALKEY_PORT": free_port()}
    extra = {"DOCKER_HOST": f"unix://{folder}/no-engine.sock"}
    made = Dashboard(ComposeStack(folder, ports=ports), server.url, extra=extra)
    try:
        made.start()
        yield made
    finally:
        made.stop()
    server.kill()
