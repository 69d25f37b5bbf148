"""One supervisor per MOSAIC_HOME."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compose import codes
from compose.embedded.site import make_directory
from mosaic_admin.errors import MosaicError


@contextmanager
def home_lock(home: Path) -> Iterator[None]:
    """Hold a MOSAIC_HOME; the kernel releases it when the holder ends, however it ends.

    Raises:
        MosaicError: MOS-STK-005, naming the holder's pid.
    """
    path = make_directory(home / "run", 0o700) / "supervisor.pid"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor, home)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def is_held(home: Path) -> bool:
    """Say whether a supervisor runs on a home; asking holds the lock for an instant."""
    path = home / "run" / "supervisor.pid"
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _take(descriptor: int, home: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        pid = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
        raise MosaicError(
            f"`mosaic demo` runs already on {home} (pid {pid}).",
            remediation=f"Stop it with Ctrl-C in its terminal or `kill {pid}`, or use another folder and other ports: "
            "MOSAIC_HOME=.mosaic-2 MOSAIC_WEB_PORT=8010 … make run",
            code=codes.ALREADY_RUNNING,
            pid=pid,
        ) from exc
