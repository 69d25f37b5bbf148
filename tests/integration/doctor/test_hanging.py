"""A monitor asks every second while both servers hang: one connection each, an answer each time, nothing left behind.

20 s; MOSAIC_TEST_HANG_S=600 for the long mode.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from compose.embedded import EmbeddedPostgres, EmbeddedValkey, Flavour
from compose.embedded.process import wait_until
from tests.control_plane import ControlPlane, control_plane
from tests.integration.doctor.stores import MakeStore
from tests.servers import start_postgres, start_valkey

HANG_S = float(os.environ.get("MOSAIC_TEST_HANG_S", "20"))
ESTABLISHED = "01"  # Documentation/networking/proc_net_tcp.rst
ANSWER_S = 7.0  # 6 s for the report, and a busy machine


def open_connections(ports: set[int]) -> Counter[int]:
    """Count the connections to these ports, seen from the client's end."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    remote = (int(row[2].rsplit(":", 1)[1], 16) for row in rows if row[3] == ESTABLISHED)
    return Counter(port for port in remote if port in ports)


@pytest.fixture
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """A server that nobody else has a connection to, so that every one seen on its port is the doctor's."""
    server = start_postgres("hanging", Flavour.VECTOR)
    yield server
    server.kill()


@pytest.fixture
def own_valkey() -> Iterator[EmbeddedValkey]:
    server = start_valkey("hanging")
    yield server
    server.kill()


@contextmanager
def frozen(*pids: int | None) -> Iterator[None]:
    for pid in pids:
        assert pid
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid or 0, signal.SIGCONT)


@dataclass
class Monitor:
    """Asks every second, whether or not the answers before have come."""

    plane: ControlPlane
    answers: list[tuple[float, httpx.Response]] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def ask(self) -> None:
        begun = time.monotonic()
        answer = self.plane.get("/api/v1/doctor")
        self.answers.append((time.monotonic() - begun, answer))

    def ask_every_second(self, ports: set[int]) -> Counter[int]:
        """Return the most connections that were open to each port at one moment."""
        most: Counter[int] = Counter()
        end, due = time.monotonic() + HANG_S, time.monotonic()
        while time.monotonic() < end:
            if time.monotonic() >= due:
                due += 1
                self.threads.append(threading.Thread(target=self.ask))
                self.threads[-1].start()
            most |= open_connections(ports)
            time.sleep(0.02)
        for thread in self.threads:
            thread.join(30)
        return most


def threads_of(master: int) -> int:
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in children)


def test_probing_every_second_holds_one_connection_to_each_hanging_service(
    tmp_path: Path,
    own_postgres: EmbeddedPostgres,
    own_valkey: EmbeddedValkey,
    control_valkey: EmbeddedValkey,
    make_store: MakeStore,
) -> None:
    storage, config = make_store(own_postgres), tmp_path / "mosaic.config.json"
    document = {
        "version": 1,
        "tier": "federated",
        "storage": {"type": "postgres", "url": storage, "enableVector": True},
        "queue": {"type": "bullmq", "url": own_valkey.url},
        "memory": {"type": "pgvector"},
    }
    config.write_text(json.dumps(document))
    ports = {own_postgres.port, own_valkey.port}
    with control_plane(tmp_path / "home", config, control_valkey.url) as plane:
        plane.start_web("--workers", "2")  # two processes: they have to wait for each other too
        assert plane.get("/api/v1/doctor").json()["status"] == "green"
        assert wait_until(lambda: not open_connections(ports), 10)
        time.sleep(2.5)  # a report is given again for two seconds: that one is from before
        monitor = Monitor(plane)
        with frozen(own_postgres.pid(), own_valkey.pid()):
            most = monitor.ask_every_second(ports)
        took = sorted(seconds for seconds, _ in monitor.answers)

        assert len(monitor.answers) == len(monitor.threads), "every question was answered"
        assert most == Counter(dict.fromkeys(ports, 1)), most
        assert took[-1] <= ANSWER_S, f"the slowest answer took {took[-1]:.1f} s"
        for _, answer in monitor.answers:
            assert answer.status_code == 503
            codes = [item["code"] for item in answer.json()["findings"] if item["status"] == "fail"]
            assert codes == ["MOS-PG-003", "MOS-VK-003"]
        assert wait_until(lambda: not open_connections(ports), 10), "nothing is left open"
        assert wait_until(lambda: threads_of(plane.processes[0].pid) <= 2 * (8 + 4), 20), "no thread is left behind"
        assert wait_until(lambda: plane.get("/api/v1/doctor").json()["status"] == "green", 30, step_s=1)
    with psycopg.connect(own_postgres.url) as connection:
        left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mosaic-doctor'"
        assert connection.execute(left).fetchone() == (0,)
