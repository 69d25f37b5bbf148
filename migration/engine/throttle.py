"""A limit on the copy's speed: one budget of bytes for all copying threads, changed while they run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SLICE_S = 0.25  # how soon a pause, or another limit, ends a wait


class Throttle:
    """`limit` in bytes per second, None for none. Any thread may set it or take from it."""

    def __init__(self, limit: float | None = None) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._free_at = 0.0
        self._limit = limit

    @property
    def limit(self) -> float | None:
        return self._limit

    def set(self, limit: float | None) -> bool:
        """Change the limit; whoever waits for the old one goes on at once. Return whether it is another one."""
        if limit == self._limit:
            return False
        with self._lock:
            self._limit, self._free_at = limit, 0.0
            changed, self._changed = self._changed, threading.Event()
        changed.set()
        return True

    def take(self, size: int, check: Callable[[], None]) -> None:
        """Wait until `size` bytes fit into the budget; `check` may raise out of the wait."""
        if self._limit is None:
            return
        with self._lock:
            if self._limit is None:
                return
            now = time.monotonic()
            starts = max(now, self._free_at)
            self._free_at = starts + size / self._limit
            changed = self._changed
        while (left := starts - time.monotonic()) > 0 and not changed.wait(min(left, SLICE_S)):
            check()
