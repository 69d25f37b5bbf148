"""`mosaic gateway`: start, pause, resume, status, doctor. It loads nothing that a standalone gateway must not hold."""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

import click

from gateway.client import GatewayClient
from mosaic_admin import codes, env
from mosaic_admin.cli.noting import note
from mosaic_admin.cli.printing import echo
from mosaic_admin.errors import MosaicError, SettingError
from mosaic_admin.redaction import redact, redact_data


class GatewayGroup(click.Group):
    """Attach `doctor` without importing it: it brings probes of every package along."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "doctor"])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name == "doctor":
            doctor: click.Command = importlib.import_module("mosaic_admin.cli.doctor").command
            return doctor
        return super().get_command(ctx, name)


@click.group("gateway", cls=GatewayGroup)
def command() -> None:
    """Start, pause, resume and check the gateway."""


@command.command()
def start() -> None:
    """Check the store and its services, then serve; or refuse, saying why."""
    os.environ["MOSAIC_PROCESS"] = "gateway"  # before anything reads the settings
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")
    from gateway import boot  # serving libraries only for the process that serves

    environment = env.load()
    try:
        boot.run(environment, announce=lambda facts: _print_event("gateway.admitted", _noted(facts)))
    except MosaicError as error:
        _print_refusal(_noted(boot.note_refusal(error, environment.home)))
        sys.exit(error.exit_code)
    except OSError as exc:
        raise SettingError(
            f"The folder {environment.home} cannot be written ({exc.strerror or 'no reason given'}).",
            remediation="Give it to the user that runs the gateway, or set MOSAIC_HOME to another folder.",
            code=codes.NOT_WRITABLE,
        ) from exc


def _noted(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts with every secret masked: they are printed and logged."""
    masked: dict[str, Any] = redact_data(facts)
    return masked


def _print_refusal(facts: dict[str, Any]) -> None:
    echo(
        f"{facts['code']} The gateway does not start.\n"
        f"Found:    {facts['found']}\nExpected: {facts['expected']}\nFix:      {facts['fix']}\n"
        f"Code:     {facts['code']} (exit {facts['exit_code']})",
        err=True,
    )
    _print_event("gateway.refused", facts)


def _print_event(event: str, facts: dict[str, Any]) -> None:
    """Write one JSON line for log collectors."""
    echo(json.dumps({"event": event, **facts}, ensure_ascii=False), err=True)


def _client() -> GatewayClient:
    environment = env.load()
    return GatewayClient(environment.gateway_host, environment.gateway_port, environment.home)


def _print_status(status: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        echo(json.dumps(redact_data(status), indent=2))
        return
    echo(
        redact(
            f"The gateway is {status['state']} (for {status['since_s']:.0f} s): tier {status['tier']}, "
            f"store {status['store']}, {status['in_flight']} requests in flight."
        )
    )


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


@command.command()
@_JSON
def pause(as_json: bool) -> None:
    """Finish the requests in flight, let go of the store, answer 503 until resumed."""
    answer = _client().pause()
    note("gateway.pause", "the gateway", link="/gateway/")
    _print_status(answer, as_json=as_json)


@command.command()
@_JSON
def resume(as_json: bool) -> None:
    """Take the store again and serve."""
    answer = _client().resume()
    note("gateway.resume", "the gateway", link="/gateway/")
    _print_status(answer, as_json=as_json)


@command.command()
@_JSON
def status(as_json: bool) -> None:
    """Say what the gateway is doing; a refused start is shown with its reason. Exit 69 when none runs."""
    from gateway.services import read_status  # only here: `start` has no use for the dashboard's side

    current = read_status()
    if as_json:
        echo(json.dumps(redact_data(current.as_dict()), indent=2))
    elif current.is_running:
        _print_status(current.as_dict(), as_json=False)
    else:
        echo(redact(f"The gateway at {current.address}: {current.word.lower()}."))
        if current.refusal:
            echo(redact(f"{current.refusal['code']} {current.refusal['found']}\nFix: {current.refusal['fix']}"))
    sys.exit(codes.ExitCode.OK if current.is_running else codes.ExitCode.UNREACHABLE)
