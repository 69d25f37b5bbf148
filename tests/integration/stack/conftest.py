"""A standalone install's PostgreSQL in a container of its own, and databases on the stack."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from compose.embedded.ports import free_port
from tests.engine import POSTGRES_IMAGE, ComposeStack

PASSWORD = "standalone-of-the-tests"
START_S = 60.0


@dataclass(frozen=True)
class Standalone:
    """A PostgreSQL that a migration starts from: no vector extension in its databases."""

    container: str
    port: int

    def url(self, database: str = "mosaic") -> str:
        return f"postgresql://mosaic:{PASSWORD}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def standalone(engine: None) -> Iterator[Standalone]:
    os.environ.update(TESTCONTAINERS_RYUK_DISABLED="true", TESTCONTAINERS_CONNECTION_MODE="docker_host")
    os.environ["TC_HOST"] = "127.0.0.1"
    from testcontainers.community.postgres import PostgresContainer  # reads the settings above when it is imported

    port = free_port()  # a fixed one: a container that is started again would get another
    made: Any = PostgresContainer(POSTGRES_IMAGE, username="mosaic", password=PASSWORD, dbname="mosaic", driver=None)
    made.ports = {"5432/tcp": ("127.0.0.1", port)}  # its own method binds every interface
    with made as container:
        found = Standalone(container.get_wrapped_container().id, port)
        wait_ready(found.url())
        yield found


def wait_ready(url: str, *, within_s: float = START_S) -> None:
    """Wait until a server takes connections, also after a fault."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "the server did not come back"
            time.sleep(0.1)
        else:
            return


@contextmanager
def empty_target(stack: ComposeStack) -> Iterator[str]:
    """Have an empty database of the stack's role, with pgvector, as pg-init leaves it."""
    name = f"target_{secrets.token_hex(4)}"
    make_target(stack, name)
    try:
        yield stack.postgres_url(name)
    finally:
        drop_target(stack, name)


def make_target(stack: ComposeStack, name: str) -> None:
    with psycopg.connect(stack.postgres_url("postgres", user="admin"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} OWNER mosaic")
    with psycopg.connect(stack.postgres_url(name, user="admin"), autocommit=True) as admin:
        admin.execute("CREATE EXTENSION vector")


def drop_target(stack: ComposeStack, name: str) -> None:
    with psycopg.connect(stack.postgres_url("postgres", user="admin"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.communicate()
