"""`mosaic store …`: the tables of a new store, and sample data."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from mosaic_admin import env
from mosaic_admin.cli import setup_django
from mosaic_admin.cli.printing import echo
from store.adapters import adapter_for
from tiers.config import PostgresStorage, load_config


@click.group()
def command() -> None:
    """Tables and sample data for a store."""


@command.command()
@click.option("--config", "file", type=click.Path(path_type=Path), help="Another file than MOSAIC_CONFIG.")
def prepare(file: Path | None) -> None:
    """Create the tables of the configured store, or bring them up to date; what is there stays."""
    store = adapter_for(load_config(file or env.load().config).storage)
    setup_django()
    from store.alias import migrate_store, store_alias  # models: only after Django's set-up

    try:
        with store.opened(f"mosaic-store prepare:{os.getpid()}:0", may_create=True):
            with store_alias(store.address):
                migrate_store()
            found = store.introspect()
    finally:
        store.close()
    vector = f", pgvector {found.vector}" if found.vector else ""
    server = f"PostgreSQL {found.version_num // 10_000}{vector}"
    echo(f"The store in {store.display} is ready: {len(found.tables)} tables, {server}")


@command.command()
@click.option("--config", "file", type=click.Path(path_type=Path), help="Take the database from this configuration.")
@click.option("--url", metavar="URL", help="An empty PostgreSQL database: postgresql://user:password@host/name.")
@click.option("--rows", default=200_000, show_default=True, type=click.IntRange(min=50), help="Rows over all tables.")
@click.option("--seed", default=1, show_default=True, help="The same number gives the same rows.")
@click.option("--style", default="snake", type=click.Choice(["snake", "camel"]), help="How the columns are named.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows of each table as JSON.")
def seed(file: Path | None, url: str | None, rows: int, seed: int, style: str, *, as_json: bool) -> None:
    """Fill an empty standalone store with a believable install: people, tasks, notes, conversations, embeddings."""
    storage = _storage(file, url)
    setup_django()
    from store.alias import migrate_store, store_alias  # models: only after Django's set-up
    from store.seed import refuse_unless_fresh
    from store.seed import seed as fill

    refuse_unless_fresh(storage.url)
    with store_alias(storage):
        migrate_store()
    counts = fill(storage.url, rows=rows, seed=seed, style="camel" if style == "camel" else "snake", on_progress=_show)
    if as_json:
        echo(json.dumps({"rows": rows, "tables": counts}))
    else:
        echo(f"{rows:,} rows in {len(counts)} tables of {storage.display}")


def _storage(file: Path | None, url: str | None) -> PostgresStorage:
    if (file is None) == (url is None):
        raise click.UsageError("Give either --url or --config.")
    if file is None:
        return PostgresStorage(url or "")
    storage = load_config(file).storage
    if not isinstance(storage, PostgresStorage) or storage.enable_vector:
        raise click.UsageError(f"{file} is not of the standalone tier: sample data goes into a plain PostgreSQL.")
    return storage


def _show(done: int, total: int, table: str) -> None:
    if sys.stderr.isatty():
        echo(
            f"{done * 100 // total:3d} %  {done:,} of {total:,} rows  {table:<24}",
            is_over_line=True,
            nl=done == total,
            err=True,
        )
