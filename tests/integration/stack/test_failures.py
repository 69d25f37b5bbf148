"""What goes wrong when a stack is started, each with its own code and never with the engine's words."""

from __future__ import annotations

import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from compose.docker import stack as docker_stack
from compose.docker.engine import Engine
from compose.files import FOLDER, OVERLAY
from mosaic_admin.errors import MosaicError
from tests.engine import ComposeStack


def refused(stack: ComposeStack) -> MosaicError:
    with pytest.raises(MosaicError) as caught:
        stack.up()
    return caught.value


def test_a_taken_port_is_named(fresh_stack: ComposeStack) -> None:
    with socket.create_server(("127.0.0.1", fresh_stack.ports["MOSAIC_POSTGRES_PORT"])):
        error = refused(fresh_stack)
    assert error.code.id == "MOS-STK-014"
    assert f"sport = :{fresh_stack.ports['MOSAIC_POSTGRES_PORT']} or " in error.remediation
    assert fresh_stack.up() is not None  # and once it is free the same command goes on


def test_an_image_that_nobody_has_is_named(fresh_stack: ComposeStack) -> None:
    fresh_stack.ports["MOSAIC_VALKEY_IMAGE"] = "127.0.0.1:1/mosaic/no-such-image:8"  # type: ignore[assignment]
    assert refused(fresh_stack).code.id == "MOS-STK-015"


def test_a_service_that_ends_again_and_again_is_given_up(
    fresh_stack: ComposeStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(FOLDER, tmp_path / "compose", ignore=shutil.ignore_patterns("secrets", "*.py"))
    with (tmp_path / "compose" / "valkey" / "valkey.conf").open("a") as file:
        file.write("no-such-directive yes\n")
    monkeypatch.setattr(docker_stack, "TROUBLE_S", 4.0)
    broken = replace(fresh_stack.runtime, file=tmp_path / "compose" / OVERLAY.name)
    with pytest.raises(MosaicError) as caught:
        broken.up(lambda _: None)
    assert caught.value.code.id == "MOS-STK-016"
    assert "valkey-federated" in caught.value.message
    assert "mosaic stack logs valkey-federated" in caught.value.remediation
    assert any("no-such-directive" in line.text for line in broken.logs("valkey-federated", tail=20))


def test_no_engine_no_client_and_no_right_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, engine: None
) -> None:
    with pytest.raises(MosaicError, match="No Docker engine answers"):
        Engine({"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}).version()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MosaicError, match="no `docker` command"):
        Engine({}).version()


def test_secrets_of_this_process_do_not_reach_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSAIC_SECRET_KEY", "canary")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:canary@h/d")
    assert "canary" not in str(Engine({}).environment)
