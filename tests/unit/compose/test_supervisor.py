"""The supervisor on real, tiny processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.embedded import supervisor as module
from compose.embedded.process import is_alive, marked, wait_until
from compose.embedded.supervisor import ProcessSpec, Supervisor, marker_of, rotate_logs, stop_leftovers

FOREVER = "import time; time.sleep(60)"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("logs", "run"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def make(home: Path, said: list[str]) -> Iterator[object]:
    made: list[Supervisor] = []

    def build(*specs: ProcessSpec) -> Supervisor:
        made.append(
            Supervisor(servers=(), specs=specs, home=home, environment={"PATH": os.environ["PATH"]}, say=said.append)
        )
        made[-1].start()
        return made[-1]

    yield build
    for item in made:
        item.stop()


def python(name: str, code: str, **options: object) -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, "-c", code), **options)  # type: ignore[arg-type]


def pid_of(home: Path, name: str) -> int:
    return int((home / "run" / f"{name}.pid").read_text())


def test_a_killed_process_is_named_and_started_again(make, home, said, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "BACKOFF_S", (0.05,))
    supervisor = make(python("worker", FOREVER))
    first = pid_of(home, "worker")
    os.kill(first, signal.SIGKILL)

    def has_another() -> bool:
        supervisor.tick()
        path = home / "run" / "worker.pid"
        return path.exists() and path.read_text().strip() not in ("", str(first))

    assert wait_until(has_another, 30)
    assert is_alive(pid_of(home, "worker"))
    assert said == [f"worker ended (killed by SIGKILL); starting it again in 0 s. Log: {home}/logs/worker.log"]


def test_back_off_grows_to_its_limit_and_starts_over_after_a_steady_run() -> None:
    backoff = module._Backoff()
    assert [backoff.after(1.0) for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0]
    assert backoff.after(1.0 + module.STEADY_S) == 1.0


def test_a_refusal_is_shown_once_with_its_remedy(make, said, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "REFUSED_RETRY_S", 0.05)
    monkeypatch.setattr(module, "SERVES_AFTER_S", 600.0)  # on a busy machine an interpreter may start that slowly
    code = "import sys; print('noise'); print('MOS-GW-001 no store\\nFix: start it'); sys.exit(69)"
    supervisor = make(python("gateway", code, refusals=frozenset({69})))
    starts: set[float] = set()

    def has_started_three_times() -> bool:
        supervisor.tick()
        starts.add(supervisor._processes[0].backoff.started_at)
        return len(starts) >= 3

    assert wait_until(has_started_three_times, 30)
    assert len(said) == 1
    assert said[0].endswith("\nMOS-GW-001 no store\nFix: start it")


def test_stop_ends_a_process_that_ignores_the_polite_signal(make, home) -> None:  # type: ignore[no-untyped-def]
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    supervisor = make(python("stubborn", stubborn, grace_s=0.2))
    assert wait_until(lambda: "ready" in (home / "logs" / "stubborn.log").read_text(), 5)
    pid = pid_of(home, "stubborn")
    supervisor.stop()
    assert not is_alive(pid)
    assert not (home / "run" / "stubborn.pid").exists()


def test_leftovers_are_found_by_their_mark_children_included(home: Path) -> None:
    marker = marker_of(home)
    name, value = marker.split("=", 1)
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {FOREVER!r}])"
    with subprocess.Popen([sys.executable, "-c", code], env={name: value}) as parent:
        assert wait_until(lambda: len(list(marked(marker))) == 2, 5)
        parent.kill()
        parent.wait()
        assert stop_leftovers(marker) == 1
    assert list(marked(marker)) == []


def test_processes_of_another_home_are_left_alone(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    name, value = marker_of(tmp_path_factory.mktemp("other")).split("=", 1)
    with subprocess.Popen([sys.executable, "-c", FOREVER], env={name: value}) as other:
        assert stop_leftovers(marker_of(home)) == 0
        assert is_alive(other.pid)
        other.kill()


def test_a_large_log_is_moved_aside_and_its_writer_goes_on(home: Path) -> None:
    log = home / "logs" / "web.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        rotate_logs(home / "logs", limit_bytes=50)
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    assert (home / "logs" / "web.log.1").read_bytes() == b"x" * 100
