"""The image of Mosaic itself: built from the project's files, and all of it running as `docker-compose.yml` says."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from compose.embedded.ports import free_port
from compose.files import BASE
from tests import environment
from tests.engine import POSTGRES_IMAGE, docker
from tests.wheel import PLANTED, copy_project

BUILD_S = 900.0  # it installs every package that the lock names
PROCESSES = ("web", "worker", "beat")
STORE = {"type": "postgres", "url": "postgresql://mosaic:{}@control-postgres:5432/store"}
STANDALONE = {"version": 1, "tier": "standalone", "queue": {"type": "local"}, "memory": {"type": "keyword"}}


@pytest.fixture(scope="module")
def image(engine: None) -> Iterator[str]:
    """The image, built by the documented Dockerfile from a copy that an operator's own files lie in."""
    name = f"mosaic-test/admin:{secrets.token_hex(4)}"
    folder = copy_project(environment.ROOT / "image")
    base = os.environ.get("MOSAIC_PYTHON_IMAGE", "python:3.13-slim")
    command = ["docker", "build", "--network", "host", "--build-arg", f"PYTHON_IMAGE={base}", "--tag", name]
    command += ["--file", str(folder / "compose" / "image" / "Dockerfile"), str(folder)]
    environ = {**os.environ, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=BUILD_S)
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
    yield name
    docker("image", "rm", "--force", name)


@dataclass
class Install:
    """One project of `docker-compose.yml`, with nothing built: the image is there."""

    folder: Path
    image: str
    project: str = field(default_factory=lambda: f"mosaic-test-{secrets.token_hex(4)}")
    web: int = field(default_factory=free_port)
    gateway: int = field(default_factory=free_port)

    def compose(self, *arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        settings = {
            "MOSAIC_IMAGE": self.image,
            "MOSAIC_CONTROL_POSTGRES_IMAGE": POSTGRES_IMAGE,
            "MOSAIC_SECRETS_DIR": str(self.folder),
            "MOSAIC_WEB_PORT": str(self.web),
            "MOSAIC_GATEWAY_PORT": str(self.gateway),
        }
        words = ["compose", "--project-name", self.project, "--file", str(BASE), "--profile", "gateway", *arguments]
        return docker(*words, env={**os.environ, **settings}, check=check, **options)

    def inside(self, *command: str, **options: Any) -> str:
        """Run a command in the dashboard's container, as the documents do."""
        return self.compose("exec", "-T", "web", *command, **options).stdout.strip()


@pytest.fixture(scope="module")
def install(image: str) -> Iterator[Install]:
    folder = environment.ROOT / "image-secrets"
    folder.mkdir(mode=0o700)
    for name in ("control-postgres", "control-valkey"):
        (folder / name).write_text(secrets.token_hex(24))
        (folder / name).chmod(0o444)
    made = Install(folder, image)
    try:
        made.compose("up", "--detach", "--wait", "--no-build", *PROCESSES)
        yield made
    finally:
        made.compose("down", "--volumes", "--remove-orphans", "--timeout", "5", check=False)


def test_the_image_holds_the_packages_and_nothing_else(image: str) -> None:
    look = "id -u; ls /app /src /opt/mosaic/bin/pip /opt/mosaic/bin/uv; mosaic --version; find / -xdev -name {}"
    names = " -o -name ".join(sorted({Path(name).name for name in PLANTED}))
    words = ("run", "--rm", "--entrypoint", "sh", image, "-c", look.format(names) + " 2>/dev/null")
    user, *rest = docker(*words, check=False).stdout.split("\n")
    assert user == "10001"
    assert "/src" not in " ".join(rest)
    assert not [line for line in rest if line.endswith(("/pip", "/uv", *(Path(name).name for name in PLANTED)))]


def test_every_process_runs_from_the_image_and_the_dashboard_answers(install: Install) -> None:
    states = json.loads(f"[{','.join(install.compose('ps', '--format', 'json').stdout.split(chr(10))).strip(',')}]")
    healthy = {state["Service"] for state in states if state["Health"] == "healthy"}
    assert healthy - {"gateway"} == {*PROCESSES, "control-postgres", "control-valkey"}  # another test starts that one
    with httpx.Client(base_url=f"http://127.0.0.1:{install.web}", trust_env=False, timeout=30) as client:
        assert client.get("/healthz").status_code == 200
        page = client.get("/sign-in/")
        assert page.status_code == 200
        styles = [part.split('"')[0] for part in page.text.split('href="') if part.split('"')[0].endswith(".css")]
        assert styles
        assert {client.get(style).status_code for style in styles} == {200}


def test_the_command_line_and_the_api_work_in_the_container(install: Install) -> None:
    install.inside("mosaic", "users", "create", "admin", "--role", "admin", "--password-stdin", input="Of-the-tests-7")
    token = install.inside("mosaic", "tokens", "create", "ci", "--scope", "doctor:read").split()[-1]
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"http://127.0.0.1:{install.web}/api/v1/doctor", headers=headers, trust_env=False, timeout=30)
    assert answer.json()["schema_version"] == "1"


def test_the_gateway_of_the_image_serves_a_store(install: Install) -> None:
    refused = install.compose("run", "--rm", "--no-deps", "gateway", check=False)
    assert refused.returncode == 78, refused.stderr
    password = (install.folder / "control-postgres").read_text()
    install.compose("exec", "-T", "control-postgres", "createdb", "--username", "mosaic", "store")
    document = {**STANDALONE, "storage": {**STORE, "url": STORE["url"].format(password)}}
    install.inside("sh", "-c", "cat > $MOSAIC_CONFIG", input=json.dumps(document))
    install.inside("mosaic", "store", "prepare")
    install.compose("up", "--detach", "--wait", "--no-build", "gateway")
    answer = httpx.get(f"http://127.0.0.1:{install.gateway}/healthz", trust_env=False, timeout=30)
    assert answer.status_code == 200
