"""The doctor on the real stack: green with one command, and each fault with its own code."""

from __future__ import annotations

import json
import time
from typing import Any

from compose.secret_files import ensure_secrets
from tests.engine import ComposeStack, cut_off, docker, paused, stopped


def report(stack: ComposeStack) -> dict[str, Any]:
    done = stack.mosaic("doctor", "--tier", "federated", "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def statuses(found: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {item["probe"]: (item["status"], item["code"]) for item in found["findings"]}


def test_one_command_leads_to_a_green_doctor_within_a_minute(fresh_stack: ComposeStack) -> None:
    begun = time.monotonic()
    done = fresh_stack.mosaic("stack", "up")
    seconds = time.monotonic() - begun
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GREEN" in done.stdout
    assert seconds < 60
    found = statuses(report(fresh_stack))
    assert found["stack.runs"] == found["stack.ports"] == found["stack.configuration"] == ("pass", None)
    secrets = [fresh_stack.secret(path.name) for path in (fresh_stack.folder / "secrets").iterdir()]
    assert not any(secret in done.stdout + done.stderr for secret in secrets)

    fresh_stack.ports["MOSAIC_POSTGRES_MEMORY"] = "1g"  # type: ignore[assignment]  # a setting that was changed since
    changed = report(fresh_stack)
    assert statuses(changed)["stack.configuration"] == ("warn", "MOS-STK-023")
    assert changed["status"] == "yellow"
    assert fresh_stack.mosaic("stack", "up").returncode == 0
    assert statuses(report(fresh_stack))["stack.configuration"] == ("pass", None)

    assert fresh_stack.mosaic("stack", "down").returncode == 0
    assert statuses(report(fresh_stack))["stack.runs"] == ("fail", "MOS-STK-017")
    assert fresh_stack.mosaic("stack", "status").returncode == 69


def test_a_stack_that_was_never_started_is_no_finding_of_its_own(fresh_stack: ComposeStack) -> None:
    assert "stack.runs" not in statuses(report(fresh_stack))  # its password files are missing: that is said instead
    ensure_secrets(fresh_stack.folder / "secrets")
    assert statuses(report(fresh_stack))["stack.runs"] == ("skip", None)


def test_a_service_that_stopped_paused_or_lost_its_network_is_red(compose_stack: ComposeStack) -> None:
    with stopped(compose_stack, "valkey-federated"):
        found = statuses(report(compose_stack))
        assert found["stack.runs"] == ("fail", "MOS-STK-016")
        assert found["valkey.port"][0] == "fail"
    with paused(compose_stack, "postgres-federated"):
        begun = time.monotonic()
        red = report(compose_stack)
        assert statuses(red)["stack.runs"] == ("fail", "MOS-STK-016")
        assert red["duration_ms"] <= 6000
        assert time.monotonic() - begun < 20
    with cut_off(compose_stack, "postgres-federated"):
        assert report(compose_stack)["status"] == "red"
    compose_stack.up()


def test_a_port_that_the_network_reaches_is_a_warning(fresh_stack: ComposeStack) -> None:
    fresh_stack.up()
    port = fresh_stack.ports["MOSAIC_POSTGRES_PORT"]
    name = fresh_stack.container("valkey-federated")
    labels = json.loads(docker("inspect", "--format", "{{json .Config.Labels}}", name).stdout)
    image = docker("inspect", "--format", "{{.Image}}", name).stdout.strip()
    docker("rm", "--force", name)
    words = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    docker(
        "run",
        "--detach",
        "--name",
        name,
        "--publish",
        f"0.0.0.0:{fresh_stack.ports['MOSAIC_VALKEY_PORT']}:6379",
        *words,
        image,
    )
    found = report(fresh_stack)
    assert statuses(found)["stack.ports"] == ("warn", "MOS-STK-022")
    assert str(port) not in next(item["message"] for item in found["findings"] if item["code"] == "MOS-STK-022")
