"""Who may pass now: the state of a running gateway, the requests in flight, and the lock behind both.

One thread watches the lock. Requests never ask the lock themselves: they look at when it was last confirmed. So a check
that hangs (a server that stopped answering) closes the gateway exactly like one that fails.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from doctor import codes as doctor_codes
from gateway import codes
from gateway.errors import NotServingError, StillInFlightError
from mosaic_admin.codes import ExitCode
from mosaic_admin.errors import MosaicError

CHECK_EVERY_S = 1.0
CONFIRMED_WITHIN_S = 3.5  # the promise is 503 within 5 s of losing the lock; a confirmation may be this old
DRAIN_S = 15.0  # how long a pause waits for requests in flight before it says so
RETRY_AFTER_S = 5

log = logging.getLogger("mosaic.gateway")


class Lock(Protocol):
    """What the turnstile needs of `store.ledger.StoreLock`."""

    def acquire(self, timeout_s: float = ...) -> object: ...
    def is_held(self) -> bool: ...
    def release(self) -> None: ...


class ServingState(StrEnum):
    STARTING = "starting"
    SERVING = "serving"
    PAUSING = "pausing"
    PAUSED = "paused"
    BUSY = "busy"  # a migration has the store
    LOST = "lost"  # the lock's connection is gone


@dataclass(frozen=True)
class Snapshot:
    state: ServingState
    in_flight: int
    since: float  # seconds in this state


class Turnstile:
    """Admit requests while the lock is held; pause, resume and recover."""

    def __init__(self, make_lock: Callable[[], Lock], *, recheck: Callable[[], None]) -> None:
        """`recheck` runs under each newly taken lock: what the boot gate asked may have changed meanwhile."""
        self._make_lock = make_lock
        self._recheck = recheck
        self.generation = 0  # grows with each lock taken
        self._reason: MosaicError | None = None
        self._lock: Lock | None = None
        self._changed = threading.Condition()
        self._state = ServingState.STARTING
        self._since = time.monotonic()
        self._confirmed_at = 0.0
        self._in_flight = 0
        self._is_stopping = False
        self._wake = threading.Event()
        self._turn = threading.Lock()  # one at a time may touch the lock: the watcher, a pause or a resume
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take the lock if it is free, then keep watching it on a thread of its own."""
        self._check()
        self._thread = threading.Thread(target=self._watch, name="store-lock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching and let go of the lock."""
        self._is_stopping = True
        self._wake.set()
        if self._thread:
            self._thread.join(2.0)
        with self._turn:
            self._drop()

    def snapshot(self) -> Snapshot:
        with self._changed:
            return Snapshot(self._effective(), self._in_flight, time.monotonic() - self._since)

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Let one request through and count it. Raises `NotServingError`."""
        with self._changed:
            state = self._effective()
            if state is not ServingState.SERVING:
                raise refusal_for(state, self._reason)
            self._in_flight += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def pause(self, wait_s: float = DRAIN_S) -> None:
        """Take no new request, wait for those in flight, release the lock.

        Raises `StillInFlightError` when they take longer; the watcher then releases the lock once they are done.
        """
        with self._changed:
            if self._state is not ServingState.PAUSED:
                self._become(ServingState.PAUSING)
            is_idle = self._changed.wait_for(lambda: self._in_flight == 0, wait_s)
        self._check()
        if not is_idle:
            raise StillInFlightError(
                f"{self._in_flight} requests did not finish within {wait_s:.0f} s. No new one is taken.",
                remediation="Wait and look again: mosaic gateway status",
            )

    def resume(self) -> None:
        """Take the lock again and serve. Raises `NotServingError` when the lock is not to be had now."""
        with self._changed:
            if self._state in (ServingState.PAUSED, ServingState.PAUSING):
                self._become(ServingState.STARTING)
        self._check()
        state = self.snapshot().state
        if state is not ServingState.SERVING:
            raise refusal_for(state, self._reason)

    def _effective(self) -> ServingState:
        is_stale = time.monotonic() - self._confirmed_at > CONFIRMED_WITHIN_S
        return ServingState.LOST if self._state is ServingState.SERVING and is_stale else self._state

    def _become(self, state: ServingState) -> None:
        if state is not self._state:
            log.info("gateway is %s (was %s)", state, self._state)
            self._state, self._since = state, time.monotonic()
        self._changed.notify_all()

    def _watch(self) -> None:
        while not self._is_stopping:
            self._wake.wait(CHECK_EVERY_S)
            if not self._is_stopping:
                self._check()

    def _check(self) -> None:
        """Bring the lock in line with what is wanted: held, or released when paused and idle."""
        with self._turn:
            if self._state is ServingState.PAUSING and self._in_flight == 0:
                self._drop()
                self._settle(ServingState.PAUSED)
            elif self._state not in (ServingState.PAUSING, ServingState.PAUSED):
                self._settle(self._hold())

    def _settle(self, state: ServingState) -> None:
        with self._changed:
            is_wanted = self._state in (ServingState.PAUSING, ServingState.PAUSED)
            if is_wanted and state is not ServingState.PAUSED:
                return  # a pause came in while the lock was being looked at: the pause wins
            if state is ServingState.SERVING:
                self._confirmed_at = time.monotonic()
            self._become(state)

    def _hold(self) -> ServingState:
        """Confirm the lock, or drop what is left of it and try to take it anew."""
        try:
            if self._lock and self._lock.is_held():
                return ServingState.SERVING
            self._drop()
            self._lock = self._make_lock()
            self._lock.acquire(timeout_s=0.0)
            self._recheck()
        except MosaicError as error:
            return self._refused(error)
        except Exception:  # a bug must close the gateway, never end the thread that watches
            log.exception("taking the store's lock failed")
            return self._refused(None)
        self._reason = None
        self.generation += 1
        return ServingState.SERVING

    def _refused(self, error: MosaicError | None) -> ServingState:
        self._drop()
        self._reason = error
        return ServingState.BUSY if error and error.exit_code is ExitCode.BUSY else ServingState.LOST

    def _drop(self) -> None:
        lock, self._lock = self._lock, None
        if lock:
            lock.release()


def refusal_for(state: ServingState, reason: MosaicError | None = None) -> NotServingError:
    """Return why a gateway in this state answers nothing; `reason` is what taking the lock said last."""
    if state in (ServingState.PAUSED, ServingState.PAUSING):
        message, remedy, code = "The gateway is paused.", "Resume it: mosaic gateway resume", codes.PAUSED
    elif state is ServingState.BUSY:
        message = reason.message if reason else "A migration has the store."
        remedy = "The gateway serves again by itself when the migration lets go. Look at it under Migrations."
        code = reason.code if reason else doctor_codes.STORE_MIGRATING
    else:
        message = "The gateway does not hold its lock on the store."
        remedy = "It takes it again by itself as soon as the store answers. Look at the store: mosaic gateway doctor"
        code = codes.LOCK_LOST
    return NotServingError(message, remediation=remedy, code=code, retry_after_s=RETRY_AFTER_S)
