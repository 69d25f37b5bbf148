"""Processes as the kernel sees them: alive, whose, and how to end them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that ended and waits for its parent to notice does not."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def runs_in(pid: int, directory: Path) -> bool:
    """Say whether a live process has `directory` as its working directory.

    PostgreSQL and Valkey both move into their data directory: this tells our server from a stranger that was
    given the same number after a reboot.
    """
    try:
        return is_alive(pid) and (PROC / str(pid) / "cwd").samefile(directory)
    except OSError:
        return False


def marked(marker: str) -> Iterator[int]:
    """Yield every live process whose environment holds `marker` (NAME=value), children of children included."""
    needle = marker.encode()
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            if needle in (entry / "environ").read_bytes().split(b"\0") and is_alive(int(entry.name)):
                yield int(entry.name)


def wait_until(condition: Callable[[], bool], timeout_s: float, *, step_s: float = 0.02) -> bool:
    """Wait for a condition; return what it said last."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return condition()
        time.sleep(step_s)
    return True


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that is already gone is fine."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def end(pids: list[int], *, grace_s: float) -> None:
    """Ask processes to stop, wait, then kill what is left."""
    for pid in pids:
        send(pid, signal.SIGTERM)
    if not wait_until(lambda: not any(map(is_alive, pids)), grace_s):
        for pid in filter(is_alive, pids):
            send(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, pids)), 5.0)
