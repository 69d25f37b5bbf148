"""Who works on this MOSAIC_HOME: every process of the dashboard holds a shared lock for as long as it lives."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mosaic_admin.backup import codes
from mosaic_admin.errors import MosaicError

JOURNAL = "restore.json"
_held: dict[Path, int] = {}  # open for the life of the process: the kernel gives the lock back when it ends


def share(home: Path) -> None:
    """Hold the lock together with others; a home that cannot be written is held by nobody.

    Raises:
        MosaicError: MOS-BAK-006: a restore runs, or was cut short.
    """
    if home in _held:
        return
    descriptor = _opened(home)
    if descriptor is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise MosaicError(
            f"A restore runs on {home}.",
            remediation="Wait for its end, then start again.",
            code=codes.UNFINISHED,
        ) from None
    _held[home] = descriptor
    if (home / JOURNAL).exists():
        raise MosaicError(
            f"A restore on {home} was cut short after it began to replace files.",
            remediation="Finish it: mosaic backup restore --finish",
            code=codes.UNFINISHED,
        )


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the lock alone: nothing of the dashboard runs, and nothing starts meanwhile.

    Raises:
        MosaicError: MOS-BAK-005: something runs.
    """
    descriptor = _opened(home)
    if descriptor is None:
        raise MosaicError(
            f"{home} cannot be written.", remediation="Restore as the user that runs Mosaic Admin.", code=codes.IN_USE
        )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise MosaicError(
            f"Mosaic Admin runs on {home}: web, worker, beat, `mosaic demo` or another command.",
            remediation="Stop every process of the dashboard, on every host that shares its database, then restore.",
            code=codes.IN_USE,
        ) from None
    _held[home] = descriptor
    try:
        yield
    finally:
        os.close(_held.pop(home))


def _opened(home: Path) -> int | None:
    try:
        (home / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(home / "run" / "dashboard.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
