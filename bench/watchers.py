"""Fifty people watch one migration: `python -m bench.watchers [--watchers N] [--seconds N]`.

A real run (embedded servers, a worker, 100,000 seeded rows, throttled so that it lasts) is watched by as many polling
pages as a browser would send; one person more goes through the other pages meanwhile. Printed is the processor time of
the web processes, which a busy machine changes little, and how long the one person more has waited.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from bench.doctor import cpu_ms, percentile
from bench.job import BEGIN
from tests.control_plane import ControlPlane

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")
os.environ.setdefault("MOSAIC_LOG_LEVEL", "WARNING")

START = (
    BEGIN
    + """
job = begun(*sys.argv[1:3], max_mb_s=float(sys.argv[3]))
until = time.monotonic() + 120
while not (job.state == "running" and job.phase == "copy") and time.monotonic() < until:
    time.sleep(0.5)
    job.refresh_from_db()
assert job.state == "running", (job.state, job.error_message)
print(job.number)
"""
)
ROWS = 100_000
PAGES = ("/", "/migrations/", "/audit/", "/doctor/history/")


@dataclass
class Seen:
    """What the browsers got: milliseconds of every answer, and how many of each status."""

    took: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    bytes: int = 0

    def note(self, answer: httpx.Response, begun: float) -> None:
        self.took.append((time.perf_counter() - begun) * 1000)
        self.statuses[answer.status_code] += 1
        self.bytes += len(answer.content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--rate", type=float, default=0.3, help="MB/s: the run must outlast the watching")
    parser.add_argument("--realtime", action="store_true", help="web and browsers before all else, as if it were idle")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mosaic-bench-") as folder, ExitStack() as stack:
        os.chmod(folder, 0o755)  # noqa: S103  # the servers run as another user when this is root
        plane, number = start(Path(folder), given.rate, stack)
        cookies = plane.signed_in()
        stack.callback(cookies.close)
        if given.realtime:
            be_realtime([os.getpid(), *cpu_pids(plane.processes[0].pid)])
        for count in (0, given.watchers):
            watch(plane.url, dict(cookies.cookies), number, count, given.seconds, plane.processes[0].pid)
        state = cookies.get(f"/api/v1/migrations/{number}").json()["state"]
        print(f"the run is {state} at the end")


def start(folder: Path, rate: float, stack: ExitStack) -> tuple[ControlPlane, int]:
    """Start everything and a run; return the control plane and the run's number, once it copies."""
    import django

    django.setup()
    from compose.embedded import Flavour
    from store.seed import seed
    from tests.control_plane import control_plane
    from tests.integration.engine.support import prepare_schema, source_at
    from tests.servers import start_postgres, start_valkey

    broker = start_valkey("bench-watchers")
    stack.callback(broker.kill)
    ends = []
    for name, flavour in (("source", Flavour.PLAIN), ("target", Flavour.VECTOR)):
        server = start_postgres(f"bench-{name}", flavour, root=folder / name)
        stack.callback(server.kill)
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("CREATE DATABASE store")
        ends.append(server.url_for("store"))
    prepare_schema(source_at(ends[0]))
    seed(ends[0], rows=ROWS, seed=7)
    home = folder / "home"
    settings = {"MOSAIC_LOG_LEVEL": "WARNING", "MOSAIC_STACK_RUNTIME": "embedded"}
    plane = stack.enter_context(control_plane(home, home / "mosaic.config.json", broker.url_for(1), **settings))
    plane.start_web("--log-level", "warning")
    plane.start_worker()
    done = plane.run("-c", START, *ends, str(rate))
    return plane, int(done.stdout.split()[-1])


def cpu_pids(master: int) -> list[int]:
    return [master, *map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split())]


def be_realtime(pids: list[int]) -> None:
    """Put every thread of these processes before all others; not the servers, whose indexes would stop the machine."""
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, os.sched_param(40))


def poll(url: str, cookies: dict[str, str], number: int, stop: threading.Event, seen: Seen, delay: float) -> None:
    """Be one browser on the run's page: ask when the page says, with the tag of what it shows."""
    with httpx.Client(base_url=url, cookies=cookies, timeout=30, trust_env=False) as client:
        stop.wait(delay)
        page = client.get(f"/migrations/{number}/").text
        address, tag, every = found(page)
        strip_every = strip_poll(page)
        strip_at = time.monotonic() + strip_every
        while not stop.wait(every):
            begun = time.perf_counter()
            answer = client.get(address, headers={"HX-Request": "true", "HX-PTag": tag})
            seen.note(answer, begun)
            if answer.status_code == 200 and answer.text:
                address, tag, every = found(answer.text)
            if time.monotonic() > strip_at:
                strip_at += strip_every
                begun = time.perf_counter()
                seen.note(client.get("/strip/", headers={"HX-Request": "true"}), begun)


def found(html: str) -> tuple[str, str, float]:
    """Return what the page polls: address, tag and seconds in between."""
    head = re.search(r'hx-get="([^"]+)" hx-trigger="every (\d+)s" hx-swap="outerHTML" hx-ptag="([^"]+)"', html)
    assert head, html[:500]
    return head[1].replace("&amp;", "&"), head[3], float(head[2])


def strip_poll(html: str) -> float:
    """Return the seconds between the page's questions for its strip; infinite where the run's poll brings it along."""
    asks = re.search(r'hx-get="/strip/" hx-trigger="every (\d+)s"', html)
    return float(asks[1]) if asks else float("inf")


def walk(url: str, cookies: dict[str, str], stop: threading.Event, seen: Seen) -> None:
    """Be one person more, who reads other pages."""
    with httpx.Client(base_url=url, cookies=cookies, timeout=30, trust_env=False) as client:
        turn = 0
        while not stop.wait(0.5):
            begun = time.perf_counter()
            seen.note(client.get(PAGES[turn % len(PAGES)]), begun)
            turn += 1


def watch(url: str, cookies: dict[str, str], number: int, count: int, seconds: float, master: int) -> None:
    stop, seen, other = threading.Event(), Seen(), Seen()
    each = [
        threading.Thread(target=poll, args=(url, cookies, number, stop, seen, place / count)) for place in range(count)
    ]
    threads = [*each, threading.Thread(target=walk, args=(url, cookies, stop, other))]
    for thread in threads:
        thread.start()
    time.sleep(5)  # the pages are loaded by then
    before, begun, load = cpu_ms(master), time.monotonic(), os.getloadavg()[0]
    sent = sum(seen.statuses.values())
    time.sleep(seconds)
    spent, lasted = cpu_ms(master) - before, time.monotonic() - begun
    polls = sum(seen.statuses.values()) - sent
    stop.set()
    for thread in threads:
        thread.join()
    share = 100 * spent / (lasted * 1000)
    print(f"{count} watchers, {lasted:.0f} s, load average {load:.1f}: web used {share:.1f} % of one core")
    if polls:
        p95 = percentile(seen.took, 0.95)
        print(
            f"  {polls / lasted:.0f} polls a second, {dict(seen.statuses)}, {seen.bytes / 1e6:.0f} MB, p95 {p95:.0f} ms"
        )
    print(f"  one person more: p50 {percentile(other.took, 0.5):.0f} ms, p95 {percentile(other.took, 0.95):.0f} ms")


if __name__ == "__main__":
    main()
