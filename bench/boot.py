"""Measure the boot gate: `python -m bench.boot [ROUNDS]`, on embedded servers of its own.

Each round is a process of its own, `mosaic gateway start`, on a federated store. Prints, as medians: what the command
alone costs; until a healthy gateway has decided, and until it answers its first request; and until it refuses where
every service accepts and never answers. The promise (DESIGN §6): 1 s and 6 s, after the process is up.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")


def servers(folder: Path) -> tuple[Any, Any]:
    from compose.embedded import EmbeddedPostgres, EmbeddedValkey, Flavour, site_at
    from compose.embedded.ports import free_port

    folder.chmod(0o711)
    postgres = EmbeddedPostgres(
        name="boot",
        site=site_at(folder / "pg"),
        port=free_port(),
        password=secrets.token_urlsafe(12),
        log=folder / "postgres.log",
        flavour=Flavour.VECTOR,
    )
    valkey = EmbeddedValkey(
        name="boot",
        data_dir=folder / "valkey",
        port=free_port(),
        password=secrets.token_urlsafe(12),
        log=folder / "valkey.log",
    )
    postgres.start()
    valkey.start()
    return postgres, valkey


def write_config(folder: Path, storage: str, queue: str) -> None:
    document = {
        "version": 1,
        "tier": "federated",
        "storage": {"type": "postgres", "url": storage, "enableVector": True},
        "queue": {"type": "bullmq", "url": queue},
        "memory": {"type": "pgvector"},
    }
    (folder / "mosaic.config.json").write_text(json.dumps(document))


def run(folder: Path, port: int, *words: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "MOSAIC_HOME": str(folder), "MOSAIC_CONFIG": str(folder / "mosaic.config.json")}
    environ |= {"MOSAIC_GATEWAY_PORT": str(port), "MOSAIC_BOOT_WAIT_S": "0"}
    command = [sys.executable, "-m", "mosaic_admin", *words]
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
            return True
    except OSError:
        return False


def cpu_s(pid: int) -> float:
    """Return the processor seconds of a process so far: unlike the clock they know nothing of the machine's load."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_and_stop(folder: Path, port: int) -> tuple[float, float, float, float]:
    """Return seconds until the gate had decided, the CPU's until then, the gate's own, and until the first answer."""
    begun = time.monotonic()
    process = run(folder, port, "gateway", "start")
    assert process.stderr
    line = next(line for line in process.stderr if '"gateway.admitted"' in line)
    decided, cpu = time.monotonic() - begun, cpu_s(process.pid)
    while not answers(port):
        time.sleep(0.005)
    ready = time.monotonic() - begun
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    return decided, cpu, json.loads(line)["decided_ms"] / 1000, ready


def refused(folder: Path, port: int, *words: str) -> float:
    begun = time.monotonic()
    run(folder, port, *words).communicate(timeout=60)
    return time.monotonic() - begun


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    django.setup()
    from store.alias import migrate_store, store_alias
    from tiers.config import PostgresStorage

    with tempfile.TemporaryDirectory(prefix="bench-boot-") as name, socket.create_server(("127.0.0.1", 0)) as hole:
        folder = Path(name)
        postgres, valkey = servers(folder)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        try:
            with store_alias(PostgresStorage(postgres.url, enable_vector=True)):
                migrate_store()
            idle = [refused(folder, port, "gateway", "--help") for _ in range(rounds)]
            write_config(folder, postgres.url, valkey.url)
            healthy = [start_and_stop(folder, port) for _ in range(rounds)]
            dead = hole.getsockname()[1]
            write_config(folder, f"postgresql://u:p@127.0.0.1:{dead}/m", f"redis://:p@127.0.0.1:{dead}/0")
            hanging = [refused(folder, port, "gateway", "start") for _ in range(max(1, rounds // 2))]
        finally:
            postgres.kill()
            valkey.kill()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, medians of {rounds}, seconds from process start")
    print(f"  the command alone (--help)      {median(idle):.2f}")
    print(f"  healthy: the gate has decided   {median(item[0] for item in healthy):.2f}")
    print(f"    CPU until then                {median(item[1] for item in healthy):.2f}")
    print(f"    the decision alone            {median(item[2] for item in healthy):.2f}")
    print(f"  healthy: first answer           {median(item[3] for item in healthy):.2f}")
    print(f"  every service hangs: refused    {median(hanging):.2f}")


if __name__ == "__main__":
    main()
