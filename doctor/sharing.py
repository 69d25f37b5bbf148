"""One run at a time on this host, whoever asks: a hundred pollers must not be a hundred connections to a server."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from doctor.report import Report

log = logging.getLogger("mosaic.doctor")

_lock = threading.Lock()
_recent: dict[str, Report] = {}
_gates: dict[str, threading.Lock] = {}


def shared_run(
    key: str,
    run: Callable[[], Report],
    *,
    kept: Callable[[], Report | None],
    folder: Path,
    share_s: float,
    is_forced: bool = False,
) -> Report:
    """Return a run that ended after the caller asked, or less than `share_s` before; else run.

    Threads of this process wait for each other, and so do the processes of this host (a lock file in `folder`). What
    another process found comes from `kept`. `is_forced` takes no run that began before the call.
    """
    asked = datetime.now(UTC)
    with _gate(key):
        recent = _recent.get(key)
        if recent and not is_forced and recent.finished_at + timedelta(seconds=share_s) >= asked:
            return recent
        with _alone_on_host(folder / f"doctor-{hashlib.sha256(key.encode()).hexdigest()[:12]}.lock") as has_waited:
            other = kept() if has_waited and not is_forced else None
            report = other if other and other.finished_at >= asked else run()
        _recent[key] = report
        return report


def _gate(key: str) -> threading.Lock:
    with _lock:
        return _gates.setdefault(key, threading.Lock())


@contextmanager
def _alone_on_host(path: Path) -> Iterator[bool]:
    """Hold the lock file; yield whether another process had it. Where it cannot be made, go on without it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = path.open("w")
    except OSError:
        log.warning("No lock file in MOSAIC_HOME/run: other processes may examine the install at the same moment")
        yield False
        return
    with file:  # closing it lets the lock go, as the end of the process does
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            has_waited = False
        except BlockingIOError:
            fcntl.flock(file, fcntl.LOCK_EX)
            has_waited = True
        yield has_waited


def forget_shared_runs() -> None:
    """Let the next caller run the probes again (tests)."""
    with _lock:
        _recent.clear()
