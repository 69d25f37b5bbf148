"""`mosaic store …`: sample data for a store."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

import click

from mosaic_admin.cli import setup_django
from mosaic_admin.redaction import display_url, remember_secret


@dataclass(frozen=True)
class _Storage:
    url: str
    enable_vector: bool = False


@click.group()
def command() -> None:
    """Sample data for a store."""


@command.command()
@click.option(
    "--url", required=True, metavar="URL", help="An empty PostgreSQL database: postgresql://user:password@host/name."
)
@click.option("--rows", default=200_000, show_default=True, type=click.IntRange(min=50), help="Rows over all tables.")
@click.option("--seed", default=1, show_default=True, help="The same number gives the same rows.")
@click.option("--style", default="snake", type=click.Choice(["snake", "camel"]), help="How the columns are named.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows of each table as JSON.")
def seed(url: str, rows: int, seed: int, style: str, *, as_json: bool) -> None:
    """Fill an empty standalone store with a believable install: people, tasks, notes, conversations, embeddings."""
    remember_secret(url)
    setup_django()
    from store.alias import migrate_store, store_alias  # models: only after Django's set-up
    from store.seed import seed as fill

    storage = _Storage(url)
    with store_alias(storage):
        migrate_store()
    counts = fill(url, rows=rows, seed=seed, style="camel" if style == "camel" else "snake", on_progress=_show)
    if as_json:
        click.echo(json.dumps({"rows": rows, "tables": counts}))
    else:
        click.echo(f"{rows:,} rows in {len(counts)} tables of {display_url(url)}")


def _show(done: int, total: int, table: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done * 100 // total:3d} %  {done:,} of {total:,} rows  {table:<24}", nl=done == total, err=True)
