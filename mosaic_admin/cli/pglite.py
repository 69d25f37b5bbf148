"""`mosaic pglite …`: the engines of PGlite directories."""

from __future__ import annotations

import click

from mosaic_admin.cli.printing import echo
from tiers.pglite.engines import install as install_engines


@click.group()
def command() -> None:
    """The engines that open PGlite directories (tier local)."""


@command.command()
def install() -> None:
    """Install the npm packages with the engines, from the lock file; what is there already stays."""
    echo(f"The PGlite engines are in {install_engines()}")
