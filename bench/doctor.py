"""Measure the doctor over HTTP beside django-health-check: `python -m bench.doctor [--rounds N]`.

Real servers and a gunicorn each, one client; the requests are interleaved in random order, so that whatever else the
machine does meets all of them. Nothing is cached: the doctor shares no run (`MOSAIC_DOCTOR_SHARE_S=0`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")

READY_ROUNDS = 5  # /readyz is cheap: it is asked this often in each round


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="mosaic-bench-") as folder, ExitStack() as stack:
        os.chmod(folder, 0o755)  # noqa: S103  # the servers run as another user when this is root
        asked, servers = start(Path(folder), stack)
        before = os.getloadavg()[0]
        took = measure(asked, rounds)
        show(took, rounds, before, os.getloadavg()[0])
        show_cpu(asked, servers, rounds // 3)


def start(folder: Path, stack: ExitStack) -> tuple[dict[str, Callable[[], httpx.Response]], dict[str, int]]:
    """Start servers and both applications; return what to ask and which gunicorn answers it, by name."""
    from compose.embedded import Flavour
    from tests.control_plane import ROOT, control_plane
    from tests.servers import start_postgres, start_valkey

    server, queue = start_postgres("bench", Flavour.VECTOR, root=folder / "pg"), start_valkey("bench")
    stack.callback(server.kill)
    stack.callback(queue.kill)
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE bench")
    storage = {"type": "postgres", "url": server.url_for("bench"), "enableVector": True}
    document = {"version": 1, "tier": "federated", "storage": storage, "memory": {"type": "pgvector"}}
    config = folder / "mosaic.config.json"
    config.write_text(json.dumps({**document, "queue": {"type": "bullmq", "url": queue.url}}))
    settings = {"MOSAIC_DOCTOR_SHARE_S": "0", "MOSAIC_TOKEN_RATE": "0", "MOSAIC_LOG_LEVEL": "WARNING"}
    plane = stack.enter_context(control_plane(folder / "home", config, queue.url_for(1), **settings))
    plane.run("-m", "mosaic_admin", "store", "prepare")
    plane.start_web("--log-level", "warning")
    peer_url, peer = start_peer(stack, plane.environment, server.url_for("bench"), queue.url, config, ROOT)

    client = stack.enter_context(httpx.Client(timeout=30, trust_env=False))
    asked = {
        "doctor": lambda: client.get(f"{plane.url}/api/v1/doctor", headers=plane.headers),
        "django-health-check, same questions": lambda: client.get(f"{peer_url}/same?format=json"),
        "django-health-check, its own two": lambda: client.get(f"{peer_url}/own?format=json"),
        "readyz": lambda: client.get(f"{plane.url}/readyz"),
    }
    own = plane.processes[0].pid
    return asked, {name: own if name in ("doctor", "readyz") else peer for name in asked}


def start_peer(
    stack: ExitStack, environment: dict[str, str], postgres: str, valkey: str, config: Path, root: Path
) -> tuple[str, int]:
    from compose.embedded.ports import free_port
    from compose.embedded.process import wait_until

    port = free_port()
    given = {"BENCH_POSTGRES": postgres, "BENCH_VALKEY": valkey, "BENCH_CONFIG": str(config)}
    kept = {name: value for name, value in environment.items() if name != "DJANGO_SETTINGS_MODULE"}
    web = ("gunicorn", "bench.health_check_app", "--worker-class", "gthread", "--threads", "8", "--no-control-socket")
    process = subprocess.Popen(
        [sys.executable, "-m", *web, "--bind", f"127.0.0.1:{port}", "--log-level", "warning"],
        env={**kept, **given},
        cwd=root,
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)

    url = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        try:
            return httpx.get(f"{url}/same?format=json", timeout=10, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    assert wait_until(is_up, 60, step_s=0.2), "django-health-check did not start"
    return url, process.pid


def measure(asked: dict[str, Callable[[], httpx.Response]], rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each request, by name."""
    took: dict[str, list[float]] = {name: [] for name in asked}
    chance = random.Random(1)
    for number in range(rounds + 5):
        order = [*asked, *["readyz"] * (READY_ROUNDS - 1)]
        chance.shuffle(order)
        for name in order:
            begun = time.perf_counter()
            answer = asked[name]()
            spent = (time.perf_counter() - begun) * 1000
            assert answer.status_code == 200, f"{name}: {answer.status_code} {answer.text[:500]}"
            if number >= 5:  # the first ones load modules
                took[name].append(spent)
    return took


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def show(took: dict[str, list[float]], rounds: int, before: float, after: float) -> None:
    print(f"{rounds} rounds, load average {before:.1f} before and {after:.1f} after\n")
    print("| asked | requests | p50 ms | p95 ms | p99 ms | × of the same questions (p50, p95) |")
    print("|---|---|---|---|---|---|")
    base = took["django-health-check, same questions"]
    for name, values in took.items():
        p50, p95, p99 = (percentile(values, share) for share in (0.5, 0.95, 0.99))
        ratio = f"{p50 / percentile(base, 0.5):.2f}, {p95 / percentile(base, 0.95):.2f}"
        print(f"| {name} | {len(values)} | {p50:.1f} | {p95:.1f} | {p99:.1f} | {ratio} |")


def peak_mb(pids: Iterable[int]) -> float:
    """Return the most memory that one of these processes ever had resident, in MiB."""
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return max(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def cpu_ms(master: int) -> float:
    """Return the milliseconds of processor that a gunicorn and its workers have used."""
    tick_ms = 1000 / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in (str(master), *children)]
    return sum(int(field[11]) + int(field[12]) for field in fields) * tick_ms


def show_cpu(asked: dict[str, Callable[[], httpx.Response]], servers: dict[str, int], rounds: int) -> None:
    """Print the processor time of one request: what a busy machine changes least."""
    spent = dict.fromkeys(asked, 0.0)
    for _ in range(4):  # blocks in turn: whatever drifts meets all of them
        for name, ask in asked.items():
            begun = cpu_ms(servers[name])
            for _ in range(rounds):
                ask()
            spent[name] += cpu_ms(servers[name]) - begun
    print(f"\n| asked ({4 * rounds} requests) | processor ms a request |\n|---|---|")
    for name, total in spent.items():
        print(f"| {name} | {total / (4 * rounds):.1f} |")


if __name__ == "__main__":
    main()
