"""`mosaic demo`: run everything on embedded servers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from mosaic_admin import env
from mosaic_admin.demo.clean import clean
from mosaic_admin.demo.plan import SAMPLE_ROWS, DemoPlan
from mosaic_admin.demo.run import Voice, run


@click.command("demo")
@click.option("--clean", "is_clean", is_flag=True, help="Stop what is left and remove everything that the demo made.")
@click.option(
    "--rows", default=SAMPLE_ROWS, show_default=True, type=click.IntRange(min=0), help="Size of a new sample store."
)
def command(is_clean: bool, rows: int) -> None:
    """Run everything on embedded servers until Ctrl-C; data is kept in MOSAIC_HOME."""
    environment = env.load()
    if is_clean:
        clean(environment.home, environment.config, say=say)
        return
    plan = DemoPlan(environment, sample_rows=rows)
    run(plan, Voice(say=say, progress=show_progress, banner=lambda: click.echo(banner(plan))))


def say(text: str) -> None:
    """Print one indented line per line of text."""
    for line in text.splitlines():
        click.echo(f"  {line}")


def show_progress(done: int, total: int, table: str) -> None:
    """Show how far the sample data is: a line that moves in a terminal, the last one only elsewhere."""
    is_terminal, is_done = sys.stdout.isatty(), done >= total
    text = f"Sample data: {done:,} of {total:,} rows · {table}"
    if is_terminal or is_done:
        click.echo(f"{chr(13) if is_terminal else ''}  {text:<60}", nl=is_done)


def banner(plan: DemoPlan) -> str:
    """Return what a newcomer needs to know, and no secret."""
    rows = [
        ("Dashboard", click.style(plan.url, bold=True, fg="cyan")),
        ("Sign in", f"admin, with the password in {_short(plan.password_file)}"),
        ("Gateway", f"{plan.gateway_url}, on the store that {_short(plan.config_file)} names"),
        ("Logs", f"{_short(plan.home / 'logs')}/"),
        ("Stop", "Ctrl-C keeps the data; make clean-demo removes it"),
    ]
    lines = [f"  {name:<11}{value}" for name, value in rows]
    return "\n".join(["", click.style("  Mosaic Admin is running", bold=True, fg="green"), "", *lines, ""])


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
