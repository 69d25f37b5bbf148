"""Time every list of a control plane with 100,000 runs, a million audit events and 100,000 reports, over HTTP.

`python -m bench.lists [--postgres] [--rounds N] [--realtime] [--jobs N] [--events N] [--spans N]`. One gunicorn process
with eight threads, as `mosaic demo` starts it, and one client on loopback; the pages are asked for in random turns.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg

from bench.doctor import peak_mb, percentile
from bench.watchers import be_realtime, cpu_pids

WANTED_MS = 150
ADDRESSES = {
    "overview": "/",
    "strip of every page": "/strip/",
    "runs": "/migrations/?days=",
    "runs, last page": "/migrations/?days=&page={last_page}",
    "runs, one state": "/migrations/?days=&state=failed",
    "runs, interrupted": "/migrations/?days=&state=interrupted",
    "runs, person": "/migrations/?days=&person=person-7",
    "runs, person nobody has": "/migrations/?days=&person=zzz",
    "runs, everything at once": "/migrations/?state=failed&tier=local&person=person-7&since=2026-01-01",
    "runs, everything and a word": "/migrations/?state=failed&tier=local&person=person-7&since=2026-01-01&q=tasks",
    "runs, last 90 days": "/migrations/",
    "runs, a rare word": "/migrations/?days=&q=needle",
    "runs, two words": "/migrations/?days=&q=tasks+host-7",
    "runs, a word nowhere": "/migrations/?days=&q=zzzz",
    "runs, number": "/migrations/?days=&q=%23777",
    "runs by API": "/api/v1/migrations?days=",
    "runs by API, last page": "/api/v1/migrations?days=&page={last_page}",
    "one run": "/migrations/{run}/",
    "its events, 20,000": "/migrations/{run}/events",
    "its events by API": "/api/v1/migrations/{run}/events",
    "two runs compared": "/migrations/compare?a={run}&b=1",
    "audit": "/audit/",
    "audit, middle": "/audit/?before={middle}",
    "audit, last page": "/audit/?before={oldest}",
    "audit, person": "/audit/?who=person-5",
    "audit, rare person, action": "/audit/?who=rare&action=stack.up",
    "audit, one day": "/audit/?since={day}&until={day}",
    "doctor": "/doctor/",
    "doctor's history": "/doctor/history/",
    "one kept report": "/doctor/history/{span}/",
    "a code": "/doctor/codes/MOS-PG-002/",
    "people": "/people/",
    "tokens": "/people/tokens/",
    "webhooks": "/doctor/webhooks/",
    "tiers": "/tiers/",
    "revisions": "/tiers/1/",
    "stack": "/stack/",
    "gateway": "/gateway/",
}
EXPORTS = {
    "runs.csv": "/migrations/runs.csv?days=",
    "runs.json": "/migrations/runs.json?days=",
    "audit.csv": "/audit/export.csv",
    "audit.json": "/audit/export.json",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--postgres", action="store_true", help="keep the control plane on PostgreSQL")
    parser.add_argument("--home", type=Path, help="keep the filled control plane here, and use it again")
    parser.add_argument("--realtime", action="store_true", help="before all else, as if it were idle; no exports")
    for name, count in (("jobs", 100_000), ("events", 1_000_000), ("spans", 100_000)):
        parser.add_argument(f"--{name}", type=int, default=count)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mosaic-bench-") as folder, ExitStack() as stack:
        os.chmod(folder, 0o755)  # noqa: S103  # PostgreSQL runs as another user when this is root
        client, values, master = start(Path(folder), given, stack)
        if given.realtime:
            be_realtime([os.getpid(), *cpu_pids(master)])
        before = os.getloadavg()[0]
        took = measure(client, values, given.rounds)
        show(took, before, os.getloadavg()[0])
        if not given.realtime:
            export(client, master)


def start(folder: Path, given: argparse.Namespace, stack: ExitStack) -> tuple[httpx.Client, dict[str, object], int]:
    """Fill a control plane and serve it; return a signed-in client, what the addresses need, and gunicorn's pid."""
    from compose.embedded import Flavour
    from tests.control_plane import control_plane
    from tests.servers import start_postgres, start_valkey

    queue = start_valkey("bench-lists")
    stack.callback(queue.kill)
    settings = {"MOSAIC_LOG_LEVEL": "WARNING", "MOSAIC_STACK_RUNTIME": "embedded"}  # not the speed of a Docker engine
    if given.postgres:
        server = start_postgres("bench-lists", Flavour.PLAIN, root=folder / "pg")
        stack.callback(server.kill)
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("CREATE DATABASE control")
        settings["DATABASE_URL"] = server.url_for("control")
    home = given.home or folder / "home"
    is_filled = (home / "filled").exists()
    plane = stack.enter_context(control_plane(home, home / "mosaic.config.json", queue.url_for(1), **settings))
    if not is_filled:
        begun = time.perf_counter()
        counts = [f"--{name}={getattr(given, name)}" for name in ("jobs", "events", "spans")]
        done = plane.run("-m", "bench.filling", *counts)
        assert done.returncode == 0, done.stderr
        print(f"filled in {time.perf_counter() - begun:.0f} s")
        if given.home:
            (home / "filled").touch()
    plane.start_web("--log-level", "warning")
    values = read_values(settings.get("DATABASE_URL"), home)
    client = plane.signed_in()
    stack.callback(client.close)
    return client, values, plane.processes[0].pid


def read_values(database_url: str | None, home: Path) -> dict[str, object]:
    """Return what the addresses are filled with: the newest run and report, places in the audit log."""
    connection = psycopg.connect(database_url) if database_url else sqlite3.connect(home / "control.sqlite3")
    with connection:

        def one(query: str) -> tuple[object, ...]:
            row = connection.execute(query).fetchone()
            assert row
            return tuple(row)

        (jobs,), (run,) = (
            one("SELECT count(*) FROM migration_migrationjob"),
            one("SELECT max(number) FROM migration_migrationjob"),
        )
        (span,) = one("SELECT max(id) FROM doctor_span")
        first, last = one("SELECT min(id), max(id) FROM audit_auditevent")
        places = {}
        for name, number in (("middle", (int(str(first)) + int(str(last))) // 2), ("oldest", int(str(first)) + 20)):
            moment, pk = one(f"SELECT at, id FROM audit_auditevent WHERE id = {number}")
            text = str(moment).replace(" ", "T").split("+")[0]
            places[name] = f"{text if '.' in text else text + '.0'}_{pk}"
    return {"last_page": -(-int(str(jobs)) // 50), "run": run, "span": span, "day": places["middle"][:10], **places}


def measure(client: httpx.Client, values: dict[str, object], rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each answer, by name."""
    took: dict[str, list[float]] = {name: [] for name in ADDRESSES}
    chance = random.Random(1)
    for number in range(rounds + 2):
        order = list(ADDRESSES)
        chance.shuffle(order)
        for name in order:
            begun = time.perf_counter()
            answer = client.get(ADDRESSES[name].format(**values))
            spent = (time.perf_counter() - begun) * 1000
            assert answer.status_code == 200, f"{name}: {answer.status_code} {answer.text[:500]}"
            if number >= 2:  # the first ones load modules and templates
                took[name].append(spent)
    return took


def show(took: dict[str, list[float]], before: float, after: float) -> None:
    print(f"load average {before:.1f} before and {after:.1f} after\n")
    print("| page | p50 ms | p95 ms |\n|---|---|---|")
    for name, values in took.items():
        p50, p95 = percentile(values, 0.5), percentile(values, 0.95)
        print(f"| {name} | {p50:.0f} | {f'**{p95:.0f}**' if p95 > WANTED_MS else f'{p95:.0f}'} |")


def export(client: httpx.Client, master: int) -> None:
    print("\n| export | first byte ms | all s | MB | peak memory of web, MB (before) |\n|---|---|---|---|---|")
    for name, address in EXPORTS.items():
        before, size, begun, first = peak_mb(cpu_pids(master)), 0, time.perf_counter(), 0.0
        with client.stream("GET", address, timeout=600) as answer:
            assert answer.status_code == 200, name
            for part in answer.iter_bytes():
                first = first or time.perf_counter() - begun
                size += len(part)
        spent, peak = time.perf_counter() - begun, peak_mb(cpu_pids(master))
        print(f"| {name} | {first * 1000:.0f} | {spent:.1f} | {size / 1e6:.0f} | {peak:.0f} ({before:.0f}) |")


if __name__ == "__main__":
    main()
