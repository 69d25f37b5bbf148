"""One run at a time on this host, whoever asks: a hundred pollers must not be a hundred connections to a server."""

from __future__ import annotations

import fcntl
import hashlib
import io
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from doctor.report import Report

log = logging.getLogger("mosaic.doctor")

_lock = threading.Lock()
_recent: dict[str, Report] = {}
_gates: dict[str, threading.Lock] = {}


def shared_run(
    key: str,
    run: Callable[[], Report],
    *,
    read: Callable[[str], Report],
    write: Callable[[Report], str],
    folder: Path,
    share_s: float,
    is_forced: bool = False,
) -> Report:
    """Return a run that ended after the caller asked, or less than `share_s` before; else run.

    Threads of this process wait for each other, and so do the processes of this host: by a lock on a file in `folder`,
    which holds the newest report for those who waited. `is_forced` takes no run that began before the call.
    """
    asked = datetime.now(UTC)
    with _gate(key):
        recent = _recent.get(key)
        if recent and not is_forced and recent.finished_at + timedelta(seconds=share_s) >= asked:
            return recent
        with _alone_on_host(folder / f"doctor-{hashlib.sha256(key.encode()).hexdigest()[:12]}.json") as (
            file,
            has_waited,
        ):
            other = _read(file, read) if has_waited and not is_forced else None
            if other and other.finished_at >= asked:
                report = other
            else:
                report = run()
                _write(file, write(report))
        _recent[key] = report
        return report


def _gate(key: str) -> threading.Lock:
    with _lock:
        return _gates.setdefault(key, threading.Lock())


@contextmanager
def _alone_on_host(path: Path) -> Iterator[tuple[IO[str], bool]]:
    """Hold the lock on the file; yield it, and whether another process had it. Without a file, go on alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file: IO[str] = path.open("a+", encoding="utf-8")
    except OSError:
        log.warning("No lock file in MOSAIC_HOME/run: other processes may examine the install at the same moment")
        yield io.StringIO(), False
        return
    with file:  # closing it lets the lock go, as the end of the process does
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            has_waited = False
        except BlockingIOError:
            fcntl.flock(file, fcntl.LOCK_EX)
            has_waited = True
        yield file, has_waited


def _read(file: IO[str], read: Callable[[str], Report]) -> Report | None:
    """Return what the other process wrote; None when it was cut off before that."""
    file.seek(0)
    try:
        return read(file.read())
    except (ValueError, KeyError, TypeError):
        return None


def _write(file: IO[str], text: str) -> None:
    try:
        file.seek(0)
        file.truncate()
        file.write(text)
        file.flush()
    except OSError:
        log.warning("The newest report could not be written to MOSAIC_HOME/run: other processes ask for themselves")


def forget_shared_runs() -> None:
    """Let the next caller run the probes again (tests)."""
    with _lock:
        _recent.clear()
