"""`mosaic stack`: the federated tier's two servers."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

import click

from compose.choice import runtime_for, runtime_word
from compose.runtime import SERVICES, Runtime, ServiceState, ServiceStatus, StackStatus
from doctor.formats import RENDERERS
from mosaic_admin import codes, env
from mosaic_admin.cli import setup_django
from mosaic_admin.cli.doctor import report_for
from mosaic_admin.cli.printing import echo
from tiers.schema import Tier

_RUNTIME = click.option(
    "--runtime", type=click.Choice(["docker", "embedded"]), help="Containers, or processes of this host for a trial."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
_SERVICE = click.argument("service", required=False, type=click.Choice(SERVICES))


@click.group("stack")
def command() -> None:
    """Start, stop and look at the federated tier's PostgreSQL and Valkey."""


@command.command()
@_RUNTIME
def up(runtime: str | None) -> None:
    """Start what does not run, wait until all of it is healthy, and let the doctor look at it.

    Passwords are made on the first start. Exit 2 when the doctor is red all the same.
    """
    _print(_act("up", runtime))
    report = report_for(None, Tier.FEDERATED.value)
    echo(RENDERERS["short"](report))
    sys.exit(report.exit_code("fail"))


@command.command()
@_RUNTIME
def down(runtime: str | None) -> None:
    """Stop both services. Their volumes stay: no command of Mosaic deletes one."""
    _act("down", runtime)
    say("Stopped; all data is kept.")


@command.command()
@_SERVICE
@_RUNTIME
def restart(service: str | None, runtime: str | None) -> None:
    """Restart one service, or both, and wait until they are healthy."""
    _print(_act("restart", runtime, service))


@command.command()
@_RUNTIME
@click.option("--yes", is_flag=True, help="Do not ask.")
def rotate(runtime: str | None, yes: bool) -> None:
    """Give both servers and the password files new passwords; finishes a change that was cut short.

    Open sessions go on. Restart the gateway afterwards: it signs in with the password that it read when it started.
    """
    if not yes:
        click.confirm("Change all passwords of the stack?", abort=True, err=True)
    _act("rotate", runtime)
    say("Restart whatever uses the stack: `mosaic gateway start` reads the password files anew.")


@command.command()
@_RUNTIME
@_JSON
def status(runtime: str | None, as_json: bool) -> None:
    """Say what runs. Exit 0 when both services are healthy, 69 when not."""
    found = _runtime(runtime).status()
    if as_json:
        echo(json.dumps(_as_dict(found), indent=2))
    else:
        _print(found)
    sys.exit(codes.ExitCode.OK if found.is_healthy else codes.ExitCode.UNREACHABLE)


@command.command()
@_SERVICE
@click.option("--tail", default=100, show_default=True, type=click.IntRange(1, 10_000), help="Lines per service.")
@_RUNTIME
def logs(service: str | None, tail: int, runtime: str | None) -> None:
    """Print the last lines of the services' logs, without secrets."""
    chosen = _runtime(runtime)
    for name in [service] if service else SERVICES:
        for line in chosen.logs(name, tail=tail):
            stamp = f"{line.at:%Y-%m-%d %H:%M:%S} " if line.at else ""
            echo(f"{name}  {stamp}{line.text}")


@command.command()
@_RUNTIME
def config(runtime: str | None) -> None:
    """Print what `up` would apply, with every variable filled in; secrets stay names of files."""
    echo(_runtime(runtime).config(), nl=False)


def say(text: str) -> None:
    echo(f"  {text}")


def _act(verb: str, word: str | None, service: str | None = None) -> StackStatus:
    """Do it here, noted in the audit log and on the page Stack where the control plane has a database."""
    setup_django()
    from compose.models import Verb
    from compose.services import run_here

    runtime = _runtime(word)
    run_here(env.load(), runtime, verb=Verb(verb), service=service or "", say=say)
    return runtime.status()


def _runtime(word: str | None) -> Runtime:
    environment = env.load()
    return runtime_for(environment, word or runtime_word(environment))


def _print(status: StackStatus) -> None:
    for service in (*status.services, *status.others):
        echo(f"  {service.name:<20} {_word(service):<12} {' '.join(service.ports):<30} {service.image}")


def _word(service: ServiceStatus) -> str:
    if service.state is ServiceState.STOPPED and service.exit_code:
        return f"exit {service.exit_code}"
    return service.state.value


def _as_dict(status: StackStatus) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(status), default=str))
    return {"is_healthy": status.is_healthy, **plain}
