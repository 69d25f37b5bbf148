"""What every refusal of the boot gate has to be: one message, one log line, one state, one exit code, no secret."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from click.testing import CliRunner

from mosaic_admin import env
from mosaic_admin.cli.gateway import command
from tests.integration.gateway.conftest import Gateway

CANARY = "canary-7Qx9#secret"
DECISION_S = 6.0  # DESIGN §6: refused or hanging is said within this
MakeGateway = Callable[..., Gateway]


def assert_refused(
    gateway: Gateway, exit_code: int, code: str, *, within_s: float = DECISION_S, wait_s: float = 0.0
) -> dict[str, Any]:
    """Run `mosaic gateway start` in this process and hold all it leaves behind together; return the facts."""
    begun = time.monotonic()
    returned, printed = _start_here(gateway, wait_s)
    assert time.monotonic() - begun < within_s
    return assert_said(gateway, returned, printed, exit_code, code)


def _start_here(gateway: Gateway, wait_s: float) -> tuple[int, str]:
    settings = env.Environment(
        home=gateway.home, config=gateway.config, gateway_port=gateway.port, boot_wait_s=wait_s, process="gateway"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOSAIC_PROCESS", "dashboard")  # the command sets it for good: put back what was there
        patch.setattr(env, "load", lambda: settings)
        result = CliRunner().invoke(command, ["start"])
    assert result.stdout == ""
    return result.exit_code, result.stderr


def assert_said(gateway: Gateway, returned: int, printed: str, exit_code: int, code: str) -> dict[str, Any]:
    """Message, log line and state file agree, and no secret is in any of them."""
    assert returned == exit_code, printed
    *message, line = printed.strip().splitlines()
    event: dict[str, Any] = json.loads(line)
    assert (event["event"], event["code"], event["exit_code"]) == ("gateway.refused", code, exit_code), line
    assert all(event[name] for name in ("found", "expected", "fix"))
    said = "\n".join(message)
    for label, name in (("Found:    ", "found"), ("Expected: ", "expected"), ("Fix:      ", "fix")):
        assert label + str(event[name]).splitlines()[0] in said
    assert f"Code:     {code} (exit {exit_code})" in said
    state = (gateway.home / "run" / "gateway-state.json").read_text()
    assert json.loads(state)["refusal"] == {name: value for name, value in event.items() if name != "event"}
    for secret in (CANARY, quote(CANARY, safe="")):
        assert secret not in printed + state
    return event


def assert_command_refuses(gateway: Gateway, exit_code: int, code: str) -> str:
    """Start it for real, as a process of its own; `mosaic gateway status` then says why."""
    returned, printed, _ = gateway.refuse(60.0)
    assert_said(gateway, returned, printed, exit_code, code)
    shown = gateway.run("gateway", "status", timeout_s=60.0)
    assert (shown.returncode, code in shown.stdout) == (69, True), shown.stdout + shown.stderr
    return printed


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", f":{quote(password, safe='')}@")
