"""The same fault has the same code through every face: boot gate, command, API, page, metrics, and "could I move?"."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.test import Client

from gateway.gate import as_refusal, decide
from mosaic_admin.access import Role
from mosaic_admin.cli.doctor import command as doctor_command
from mosaic_admin.errors import MosaicError
from mosaic_admin.people.models import User
from tests.integration.doctor.faults import CANARY, FAULTS, Install
from tests.integration.doctor.test_command import mosaic, report_in
from tiers.services import create_config

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="faces", role=Role.SUPPORT))
    return client


def refused(path: Path) -> str:
    """Ask the boot gate; return the code it refuses with."""
    with pytest.raises(MosaicError) as raised:
        decide(path, wait_s=0.0)
    error = as_refusal(raised.value)
    assert CANARY not in f"{error.message} {error.remediation} {error.context}"
    return error.code.id


def first_code(report: dict[str, Any]) -> str:
    """Return the code of the first finding that wants attention; what the gate refuses may be a warning elsewhere."""
    return str(next(item["code"] for item in report["findings"] if item["status"] in ("fail", "unknown", "warn")))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_one_code_in_every_face(fault: str, install: Install, reader: Client, settings: Any) -> None:
    path = install.bring_about(fault)
    settings.ENV = settings.ENV.model_copy(update={"config": path})

    gate = refused(path)
    command = CliRunner().invoke(doctor_command, ["--json", "--config", str(path)])  # a process: test_command
    answer = reader.get("/api/v1/doctor")
    metrics = reader.get("/api/v1/doctor/metrics").content.decode()
    page = reader.post("/doctor/check/", headers={"HX-Request": "true"}).content.decode()

    code = FAULTS[fault].code
    assert {"gate": gate, "command": first_code(json.loads(command.stdout)), "api": first_code(answer.json())} == {
        "gate": code,
        "command": code,
        "api": code,
    }
    assert f'code="{code}"' in metrics
    assert f'href="/doctor/codes/{code}/"' in page
    is_red = answer.json()["status"] == "red"
    assert (command.exit_code, answer.status_code) == ((2, 503) if is_red else (0, 200))
    if FAULTS[fault].is_of_a_server:
        assert first_code(moved_to(install.document, reader)) == code
    everything = " ".join([command.output, answer.content.decode(), metrics, page])
    assert CANARY not in everything


def moved_to(document: dict[str, Any], reader: Client) -> dict[str, Any]:
    """Ask "could I move there?" about a stored configuration, from an install that is somewhere else."""
    from django.conf import settings

    settings.ENV.config.write_text(json.dumps({"version": 1, "tier": "local"}))
    create_config(name="target", document=document)
    found: dict[str, Any] = reader.get("/api/v1/doctor?tier=federated").json()
    return found


def test_an_install_in_order_is_let_in_and_green_in_every_face(
    install: Install, reader: Client, settings: Any, tmp_path: Path
) -> None:
    install.storage, install.queue = install.make_store(install.postgres), install.valkey.url
    install.path.write_text(json.dumps(install.document))
    settings.ENV = settings.ENV.model_copy(update={"config": install.path})
    assert decide(install.path, wait_s=0.0).warnings == ()
    command = mosaic("doctor", "--json", "--config", str(install.path), home=tmp_path)
    assert (command.returncode, report_in(command)["status"]) == (0, "green")
    answer = reader.get("/api/v1/doctor")
    assert (answer.status_code, answer.json()["status"]) == (200, "green")
