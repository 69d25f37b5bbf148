"""A real Docker engine for tests: the compose stack under a project name of its own, on free ports, removed afterwards.

Engine, plugin and images come from `make engine` (tests/containers/setup.sh). Where one is missing, these tests are
skipped with the reason, and in CI that is a failure. MOSAIC_TEST_REAL_IMAGES=1 accepts no stand-in for an image.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from compose.docker import DockerStack
from compose.embedded.ports import free_port
from compose.files import BASE, OVERLAY
from tests import environment
from tests.program import tested

POSTGRES_IMAGE, VALKEY_IMAGE = "pgvector/pgvector:pg17", "valkey/valkey:8-alpine"
REMEDY = "As root, `make engine` installs and builds what is missing."


def docker(*arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=180, **options)
    assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done


@cache
def missing() -> str | None:
    """Return what keeps the engine's tests from running here, None when nothing does."""
    try:
        if docker("version", check=False).returncode:
            return f"No Docker engine answers. {REMEDY}"
        if docker("compose", "version", check=False).returncode:
            return f"Docker's compose plugin is missing. {REMEDY}"
    except FileNotFoundError:
        return f"There is no docker command. {REMEDY}"
    stand_in = '{{index .Config.Labels "org.mosaic.stand-in"}}'
    for image in (POSTGRES_IMAGE, VALKEY_IMAGE):
        found = docker("image", "inspect", "--format", stand_in, image, check=False)
        if found.returncode:
            return f"The image {image} is not here. {REMEDY}"
        if os.environ.get("MOSAIC_TEST_REAL_IMAGES") and found.stdout.strip():
            return f"The image {image} is a stand-in, and the real one is wanted: `docker pull {image}`."
    return None


@pytest.fixture(scope="session")
def engine() -> None:
    """Say that a test needs a real engine."""
    if reason := missing():
        wants_real = os.environ.get("MOSAIC_TEST_REAL_IMAGES")
        (pytest.fail if wants_real else pytest.skip)(reason)  # type: ignore[operator]


@dataclass
class ComposeStack:
    """One project of the overlay. `run` is compose itself; `mosaic` is our command with the same settings."""

    folder: Path
    project: str = field(default_factory=lambda: f"mosaic-test-{secrets.token_hex(4)}")
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def runtime(self) -> DockerStack:
        settings = {name: str(port) for name, port in self.ports.items()}
        return DockerStack(project=self.project, secrets=self.folder / "secrets", settings=settings)

    @property
    def environment(self) -> dict[str, str]:
        """The settings for `mosaic` commands on this stack."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MOSAIC_")}
        return {
            **kept,
            **{name: str(port) for name, port in self.ports.items()},
            "MOSAIC_HOME": str(self.folder),
            "MOSAIC_CONFIG": str(self.folder / "mosaic.config.json"),
            "MOSAIC_STACK_PROJECT": self.project,
            "MOSAIC_STACK_RUNTIME": "docker",
        }

    def mosaic(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command, folder = tested().mosaic(*arguments), tested().folder
        return subprocess.run(command, env=self.environment, cwd=folder, capture_output=True, text=True, check=False)

    def compose(self, *arguments: str, files: tuple[Path, ...] = (BASE, OVERLAY), profile: bool = True) -> str:
        """Run `docker compose` by hand, as the documents show it, and return what it printed."""
        chosen = [word for file in files for word in ("--file", str(file))]
        profiles = ["--profile", "federated"] if profile else []
        environ = {**os.environ, **{name: str(port) for name, port in self.ports.items()}}
        environ["MOSAIC_SECRETS_DIR"] = str(self.folder / "secrets")
        command = ["compose", "--project-name", self.project, *chosen, *profiles, *arguments]
        return docker(*command, env=environ).stdout

    def up(self) -> list[str]:
        said: list[str] = []
        self.runtime.up(said.append)
        return said

    def container(self, service: str) -> str:
        return f"{self.project}-{service}-1"

    def network(self) -> str:
        return f"{self.project}_default"

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text()

    def postgres_url(self, database: str = "mosaic", *, user: str = "mosaic") -> str:
        name = "federated-postgres" if user == "mosaic" else "federated-postgres-superuser"
        port = self.ports["MOSAIC_POSTGRES_PORT"]
        return f"postgresql://{user}:{quote(self.secret(name), safe='')}@127.0.0.1:{port}/{database}"

    @property
    def valkey_url(self) -> str:
        password = quote(self.secret("federated-valkey"), safe="")
        return f"redis://:{password}@127.0.0.1:{self.ports['MOSAIC_VALKEY_PORT']}/0"

    def remove(self) -> None:
        """Take everything away, volumes included: the one thing that the product itself never does."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "1", files=(OVERLAY,))


MakeStack = Callable[[], ComposeStack]


@contextmanager
def removed_afterwards(folder: Path, ports: dict[str, int] | None = None) -> Iterator[ComposeStack]:
    folder.mkdir(mode=0o700)
    stack = ComposeStack(folder, ports=ports or free_ports())
    try:
        yield stack
    finally:
        stack.remove()


def free_ports() -> dict[str, int]:
    return {"MOSAIC_POSTGRES_PORT": free_port(), "MOSAIC_VALKEY_PORT": free_port()}


@pytest.fixture(scope="session")
def compose_stack(engine: None) -> Iterator[ComposeStack]:
    """The running stack, shared by a test process. A test that stops, pauses or cuts something puts it right again."""
    with removed_afterwards(environment.ROOT / "compose-stack") as stack:
        stack.up()
        yield stack


@pytest.fixture
def fresh_stack(engine: None, tmp_path: Path) -> Iterator[ComposeStack]:
    """A stack of its own that was never started."""
    with removed_afterwards(tmp_path / "stack") as stack:
        yield stack


@contextmanager
def paused(stack: ComposeStack, service: str) -> Iterator[None]:
    docker("pause", stack.container(service))
    try:
        yield
    finally:
        docker("unpause", stack.container(service))


@contextmanager
def stopped(stack: ComposeStack, service: str) -> Iterator[None]:
    docker("stop", stack.container(service))
    try:
        yield
    finally:
        stack.up()


@contextmanager
def cut_off(stack: ComposeStack, service: str) -> Iterator[None]:
    """Take a container off its network, which takes its published port along, and give it back."""
    docker("network", "disconnect", "--force", stack.network(), stack.container(service))
    try:
        yield
    finally:
        docker("network", "connect", "--alias", service, stack.network(), stack.container(service))
