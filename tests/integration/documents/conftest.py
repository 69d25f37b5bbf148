"""The two places where documents are followed: a running demo, and an empty folder beside a Docker engine."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from compose.embedded import EmbeddedPostgres, Flavour, site_at
from compose.embedded.binaries import postgres_tree, valkey_binary
from compose.embedded.ports import free_port
from tests import environment
from tests.demo import Demo
from tests.documents import STARTED_BY_THE_FIXTURE, Session
from tests.engine import docker, free_ports
from tests.program import ROOT, Program

USUAL = {"WEB": "8000", "GATEWAY": "8001", "POSTGRES": "5433", "VALKEY": "6380", "SOURCE": "5434"}
ROWS = 12_000  # at 0.1 MB/s a copy takes a minute: time enough to pause it on a busy machine


def reader() -> dict[str, str]:
    """Return the environment of somebody who has installed what a page asks for, and set nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOSAIC_", "DJANGO_"))}
    tools = [postgres_tree(site_at(environment.ROOT / "pg"), Flavour.VECTOR) / "bin", valkey_binary().parent]
    path = os.pathsep.join([os.environ["PATH"], *map(str, tools)])
    return {**kept, "PATH": path, "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUNBUFFERED": "1"}


def checkout(folder: Path) -> Path:
    """Lay a folder out as a clone with its environment made; the stack's files are copies, for a page writes there."""
    folder.mkdir(mode=0o711)
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in {line.partition("/")[0] for line in names.splitlines()} | {".venv"}:
        if name != "compose":
            (folder / name).symlink_to(ROOT / name)
    subprocess.run(["cp", "-r", ROOT / "compose", folder / "compose"], check=True)
    return folder


@dataclass
class MadeDemo(Demo):
    """The demo as README says how to start, stop and remove it."""

    @property
    def home(self) -> Path:
        return self.folder / ".mosaic"

    @property
    def environment(self) -> dict[str, str]:
        ports = {name: str(port) for name, port in self.ports.items()}
        return {**reader(), **ports, "DEMO": f"--rows {self.rows}"}

    def command(self, *arguments: str) -> list[str]:
        return STARTED_BY_THE_FIXTURE.split()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ctrl-C: the terminal tells make and everything that it started."""
        assert self.process is not None
        os.killpg(self.process.pid, number)
        return self.process.wait(60)

    def clean(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()
        done = self.run(["make", "clean-demo"])
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def documents_demo() -> Iterator[Session]:
    """A shell in the folder where README's `make run` is running."""
    folder = checkout(environment.ROOT / "documents")
    demo = MadeDemo(folder, rows=ROWS, program=Program(sys.executable, folder))
    try:
        demo.start()
        yield Session(
            folder,
            demo.environment,
            {usual: demo.ports[f"MOSAIC_{name}_PORT"] for name, usual in USUAL.items()},
        )
    finally:
        demo.clean()


@pytest.fixture
def server_by_hand(documents_demo: Session, postgres: EmbeddedPostgres) -> Session:
    """A shell where psql finds a PostgreSQL as its superuser, and Valkey's usual port is free."""
    found = {"PGHOST": postgres.host, "PGPORT": str(postgres.port), "PGUSER": "admin", "PGPASSWORD": postgres.password}
    ports = {USUAL["VALKEY"]: free_port()}
    return Session(documents_demo.folder, {**documents_demo.environment, **found}, ports)


@pytest.fixture
def engine_host(engine: None, tmp_path: Path) -> Iterator[Session]:
    """A shell in a fresh clone on a host with Docker; what the page starts is removed afterwards, volumes included."""
    project, ports = f"mosaic-test-{secrets.token_hex(4)}", free_ports()
    names = {"COMPOSE_PROJECT_NAME": project, "MOSAIC_STACK_PROJECT": project}
    usual = {USUAL[name]: ports[f"MOSAIC_{name}_PORT"] for name in ("POSTGRES", "VALKEY")}
    try:
        yield Session(
            checkout(tmp_path / "clone"),
            {**reader(), **names, **{name: str(port) for name, port in ports.items()}},
            usual,
        )
    finally:
        docker("compose", "--project-name", project, "down", "--volumes", "--timeout", "1")
