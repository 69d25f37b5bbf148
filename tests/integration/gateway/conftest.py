"""A real `mosaic gateway start` as a process of its own, on a real store."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from compose.embedded import EmbeddedPostgres, Flavour
from compose.embedded.ports import free_port
from store.alias import migrate_store, store_alias
from tests.servers import start_postgres
from tiers.config import PostgresStorage

REPOSITORY = Path(__file__).resolve().parents[3]
START_S = 45.0  # a loaded machine; healthy, it answers within two

# Making a TLS context for each plain request would cost more than the request.
CLIENT = httpx.Client(
    verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
)


@dataclass
class Gateway:
    """One gateway's home, configuration, process and address."""

    home: Path
    port: int
    config: Path
    environ: dict[str, str]
    process: subprocess.Popen[str] | None = None

    @property
    def log(self) -> Path:
        """Where its stderr goes."""
        return self.home / "stderr.log"

    def write_config(self, document: dict[str, Any] | str) -> None:
        self.config.write_text(document if isinstance(document, str) else json.dumps(document))

    def start(self, *, python: list[str] | None = None) -> None:
        """Start it and wait until it answers."""
        program = python or ["-m", "mosaic_admin", "gateway", "start"]
        end(self)
        with self.log.open("ab") as log:  # a pipe that nobody reads would fill, and its writers wait for ever
            self.process = subprocess.Popen(
                [sys.executable, *program], env=self.environ, cwd=REPOSITORY, stderr=log, text=True
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}: {self.log.read_text()}")
            try:
                CLIENT.get(f"http://127.0.0.1:{self.port}/healthz", timeout=1.0)
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("it did not answer in time")

    def refuse(self, timeout_s: float = 60.0) -> tuple[int, str, float]:
        """Start it where it must not serve; return exit code, what it printed, and how long it took."""
        begun = time.monotonic()
        done = self.run("gateway", "start", timeout_s=timeout_s)
        return done.returncode, done.stderr, time.monotonic() - begun

    def run(self, *words: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mosaic_admin", *words],
            env=self.environ,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def stop(self) -> int:
        """Send SIGTERM, and return the exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    @property
    def token(self) -> str:
        return (self.home / "keys" / "gateway-token").read_text().strip()

    def ask(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return CLIENT.request(method, f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=20.0, **options)

    def state(self) -> str:
        return str(self.ask("GET", "/control/status").json()["state"])

    def wait_for(self, state: str, within_s: float) -> float:
        """Wait until it is in this state, and return how long that took."""
        begun = time.monotonic()
        while self.state() != state:
            if time.monotonic() - begun > within_s:
                raise AssertionError(f"still {self.state()} after {within_s} s, not {state}")
            time.sleep(0.05)
        return time.monotonic() - begun


def new_gateway(folder: Path, document: dict[str, Any] | str, **environ: str) -> Gateway:
    folder.mkdir()
    port = free_port()
    settings = {
        "MOSAIC_HOME": str(folder),
        "MOSAIC_CONFIG": str(folder / "mosaic.config.json"),
        "MOSAIC_GATEWAY_PORT": str(port),
        "MOSAIC_BOOT_WAIT_S": "2",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOSAIC_", "DJANGO_"))}
    gateway = Gateway(folder, port, folder / "mosaic.config.json", {**kept, **settings, **environ})
    gateway.write_config(document)
    return gateway


def end(gateway: Gateway) -> None:
    if gateway.process and gateway.process.poll() is None:
        gateway.process.terminate()
        gateway.process.wait(20)


@pytest.fixture
def make_gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(document: dict[str, Any] | str, **environ: str) -> Gateway:
        made.append(new_gateway(tmp_path / f"gateway-{len(made)}", document, **environ))
        return made[-1]

    yield make
    for gateway in made:
        end(gateway)


def standalone(url: str, queue: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "version": 1,
        "tier": "standalone",
        "storage": {"type": "postgres", "url": url},
        "queue": queue or {"type": "local"},
        "memory": {"type": "keyword"},
    }


def federated(url: str, queue_url: str) -> dict[str, Any]:
    return {
        "version": 1,
        "tier": "federated",
        "storage": {"type": "postgres", "url": url, "enableVector": True},
        "queue": {"type": "bullmq", "url": queue_url},
        "memory": {"type": "pgvector"},
    }


OWNER = "00000000-0000-4000-8000-000000000001"
PROJECT = "00000000-0000-4000-8000-000000000002"


def prepare(url: str, *, vector: bool = False, tasks: int = 0) -> None:
    """Create the store's tables and a few rows; three tasks share each moment, so that paging has ties to break."""
    with store_alias(PostgresStorage(url, enable_vector=vector)):
        migrate_store()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO users (id, email) VALUES (%s, 'ada@example.org')", (OWNER,))
        connection.execute("INSERT INTO projects (id, owner_id, name) VALUES (%s, %s, 'Engine')", (PROJECT, OWNER))
        connection.execute(
            "INSERT INTO tasks (owner_id, title, created_at, status, project_id)"
            " SELECT %s, 'Task ' || n, timestamptz '2026-01-01' + (n / 3) * interval '1 second',"
            " CASE WHEN n %% 2 = 0 THEN 'todo' ELSE 'done' END, CASE WHEN n %% 5 = 0 THEN %s::uuid END"
            " FROM generate_series(1, %s) AS n",
            (OWNER, PROJECT, tasks),
        )


@pytest.fixture(scope="session")
def prepared(plain_postgres: Any, django_db_blocker: Any) -> str:
    """A database to copy from: a standalone store (no pgvector on its server), one user, one project, 100 tasks."""
    name = f"prepared_{secrets.token_hex(4)}"
    with psycopg.connect(plain_postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with django_db_blocker.unblock():
        prepare(plain_postgres.url_for(name), tasks=100)
    return name


@contextmanager
def copy_of(server: Any, template: str) -> Iterator[str]:
    name = f"copy_{secrets.token_hex(4)}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield server.url_for(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store_url(plain_postgres: Any, prepared: str) -> Iterator[str]:
    with copy_of(plain_postgres, prepared) as url:
        yield url


@pytest.fixture
def own_postgres(django_db_blocker: Any) -> Iterator[EmbeddedPostgres]:
    """A server with a store in its database `postgres`, for a test that stops, freezes or kills it."""
    server = start_postgres(f"own-{secrets.token_hex(3)}", Flavour.PLAIN)
    with django_db_blocker.unblock():
        prepare(server.url)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def shared_url(plain_postgres: Any, prepared: str) -> Iterator[str]:
    with copy_of(plain_postgres, prepared) as url:
        yield url


@pytest.fixture(scope="module")
def shared_gateway(shared_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for a module's tests: whatever they do to it, they leave it serving."""
    gateway = new_gateway(tmp_path_factory.mktemp("shared") / "gateway", standalone(shared_url))
    gateway.start()
    yield gateway
    end(gateway)


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def with_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    return url.replace(f":{parts.port}/", f":{port}/")
