"""`mosaic users`: people who may sign in, for whoever has a shell on the server."""

from __future__ import annotations

import sys

import click

from mosaic_admin.access import Role
from mosaic_admin.cli import setup_django
from mosaic_admin.cli.printing import echo


@click.group(name="users")
def command() -> None:
    """People who may sign in."""
    setup_django()


def _given_password(is_from_stdin: bool) -> str | None:
    return sys.stdin.readline().rstrip("\n") if is_from_stdin else None


def _show_once(name: str, password: str, *, is_given: bool) -> None:
    if is_given:
        echo(f"The password of {name} is set.")
        return
    echo(f"Password of {name}, shown this once:", err=True)
    echo(password)


STDIN_OPTION = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@command.command()
@click.argument("name")
@STDIN_OPTION
@click.option("--revoke-tokens", is_flag=True, help="Revoke every API token that NAME made, too.")
def reset(name: str, password_stdin: bool, revoke_tokens: bool) -> None:
    """Give NAME a new password and end the pause after wrong ones."""
    from django.conf import settings

    from mosaic_admin.people import services

    given = _given_password(password_stdin)
    user, password = services.reset_password(
        username=name, home=settings.HOME, password=given, revoke_tokens=revoke_tokens
    )
    _show_once(user.username, password, is_given=given is not None)


@command.command()
@click.argument("name")
@click.option("--role", type=click.Choice(Role.values), required=True)
@click.option("--email", default="")
@click.option("--full-name", default="")
@STDIN_OPTION
def create(name: str, role: str, email: str, full_name: str, password_stdin: bool) -> None:
    """Create the person NAME."""
    from mosaic_admin.people import services

    given = _given_password(password_stdin)
    user, password = services.create_person(
        username=name, role=role, email=email, display_name=full_name, password=given
    )
    _show_once(user.username, password, is_given=given is not None)


@command.command(name="list")
def list_people() -> None:
    """List everybody: name, role, state, e-mail."""
    from mosaic_admin.people import services

    for user in services.people():
        state = "active" if user.is_active else "closed"
        echo(f"{user.username:<24} {user.role:<9} {state:<7} {user.email}".rstrip())
