"""The `mosaic` command. Each group lives in a module of this package and is imported when it is used."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from importlib.metadata import version
from typing import Any

import click

from mosaic_admin.cli.printing import echo
from mosaic_admin.codes import BUG, ExitCode
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact

# command -> (module, help). `gateway` sits in a module of its own so that it never loads what it must not.
GROUPS = {
    "backup": ("mosaic_admin.cli.backup", "Back the dashboard up, and restore it"),
    "config": ("mosaic_admin.cli.config", "Read, check and rewrite mosaic.config.json"),
    "demo": ("mosaic_admin.cli.demo", "Run everything on embedded servers"),
    "doctor": ("mosaic_admin.cli.doctor", "Check this install"),
    "gateway": ("mosaic_admin.cli.gateway", "Start, pause, resume and check the gateway"),
    "pglite": ("mosaic_admin.cli.pglite", "The engines of PGlite directories (tier local)"),
    "stack": ("mosaic_admin.cli.stack", "The federated tier's PostgreSQL and Valkey"),
    "storage": ("mosaic_admin.cli.storage", "Move the store to the federated tier"),
    "store": ("mosaic_admin.cli.store", "Tables and sample data for a store"),
    "tokens": ("mosaic_admin.cli.tokens", "API tokens of scripts"),
    "users": ("mosaic_admin.cli.users", "People who may sign in"),
}


class LazyGroup(click.Group):
    """List the groups without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(GROUPS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in GROUPS:
            return None
        module = importlib.import_module(GROUPS[name][0])
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(GROUPS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("mosaic-admin"), prog_name="mosaic")
def mosaic() -> None:
    """Take a Mosaic install to the federated tier and keep it healthy."""


def setup_django() -> None:
    """Load Django for a command that needs the control plane."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")
    import django

    django.setup()

    from mosaic_admin.audit.actor import act_at_command_line  # its models need Django to be set up

    act_at_command_line()


def print_error(error: MosaicError) -> None:
    """Write code, message and remedy to stderr: the one shape of every refused command."""
    echo(redact(f"{error.code.id} {error.message}\nFix: {error.remediation}"), err=True)


def main(args: list[str] | None = None) -> Any:
    """Run the command line; a MosaicError ends it with its exit code, anything unexpected with 70."""
    try:
        return mosaic.main(args=args, prog_name="mosaic")
    except MosaicError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except Exception:
        logging.getLogger("mosaic").exception("unexpected")
        echo(
            f"{BUG.id} {BUG.meaning}\nFix: report it with the log lines above; nothing of it holds a secret.", err=True
        )
        sys.exit(ExitCode.BUG)
