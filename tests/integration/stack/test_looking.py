"""What a look at the engine costs, and what it says when the engine hangs or things go while they are looked at."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from compose.docker import DockerStack
from compose.docker.engine import Engine
from mosaic_admin.errors import MosaicError
from tests.engine import ComposeStack


def test_a_container_that_goes_while_it_is_looked_at_is_absent(compose_stack: ComposeStack) -> None:
    alive = compose_stack.container("valkey-federated")
    found = Engine({}).describe(["0123456789ab", alive, "no-such-volume"])
    assert [item["Name"] for item in found] == [f"/{alive}"]
    with pytest.raises(MosaicError):
        Engine({}).describe(["--no-such-flag"])


def test_a_look_takes_four_commands_and_a_wait_two_a_round(
    compose_stack: ComposeStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    put_docker(tmp_path, f'echo "$1" >> {asked}; exec {shutil.which("docker")} "$@"', monkeypatch)
    status = compose_stack.runtime.status()
    assert sorted(asked.read_text().split()) == ["inspect", "ps", "version", "volume"]
    assert status.is_healthy
    assert all(service.digest.startswith("sha256:") for service in status.services)
    assert len(status.volumes) == 2
    asked.write_text("")
    compose_stack.runtime.up(lambda _: None)
    words = asked.read_text().split()
    assert words.count("version") == words.count("volume") == 0
    assert words.count("ps") == words.count("inspect") >= 2  # one look for a paused service, and one a round


def test_a_hanging_engine_is_called_so_within_the_time_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_docker(tmp_path, "exec sleep 60", monkeypatch)
    begun = time.monotonic()
    with pytest.raises(MosaicError) as caught:
        DockerStack(project="mosaic", secrets=tmp_path, settings={}).status(within_s=0.5)
    assert caught.value.code.id == "MOS-STK-013"
    assert time.monotonic() - begun < 20  # of 60


def put_docker(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a `docker` of the test's own first on the path."""
    (folder / "bin").mkdir()
    (folder / "bin" / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bin" / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
