"""The heartbeat of a running job: one thread that owns every write of the attempt while the engine works.

The engine's threads only leave their news here, so that no engine thread needs a database connection and a slow
control plane never slows the copy down.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from datetime import datetime
from typing import Any

from django.db import Error, connection
from django.utils import timezone

from migration.engine.model import Cancelled, ControlSignal, Event, LeaseLost, Paused, Progress
from migration.engine.throttle import Throttle
from migration.jobs import HEARTBEAT_S, LEASE_S, Claim, add_event, extend, give_up
from migration.models import ControlRequest, MigrationSample

PROGRESS_S = 1.0
EVENTS_AT_ONCE = 200

log = logging.getLogger(__name__)


class Pulse:
    """`Control` and `Sink` of the engine, and the lease of one attempt. Use as a context manager."""

    def __init__(self, held: Claim, max_mb_s: float | None = None) -> None:
        self._held = held
        self.throttle = Throttle(_bytes_per_s(max_mb_s))
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._events: deque[Event] = deque()
        self._signal: ControlSignal | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._done = False
        self._extended_at = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name=f"pulse-{held.job_id}", daemon=True)

    def __enter__(self) -> Pulse:
        _running.add(self)
        if _ending.is_set():  # looked at after the line above, as `stop_all` sets it before it looks at them
            self.stop()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        _running.discard(self)
        self._done = True
        self._wake.set()
        self._thread.join(timeout=LEASE_S)

    # Control: called by the engine's threads

    def check(self) -> None:
        if self._signal is not None:
            raise self._signal
        if time.monotonic() - self._extended_at > LEASE_S:
            raise LeaseLost  # the row may be somebody else's by now: stop writing before asking

    # Sink: called by the engine's threads

    def progress(self, progress: Progress) -> None:
        with self._lock:
            self._progress = progress

    def event(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)

    # Called by the worker's shutdown signal: sets flags only, since it runs inside a signal handler

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    # The thread

    def _beat(self) -> None:
        beat_at = time.monotonic()
        try:
            while not self._done:
                self._wake.wait(PROGRESS_S)
                if self._done:
                    break
                if self._stopping:
                    self._step_down()
                    break
                if self._has_news() or time.monotonic() - beat_at >= HEARTBEAT_S:
                    beat_at = time.monotonic()
                    self._tick()
        finally:
            self._flush_quietly()
            connection.close()  # Django opens one per thread and closes none of ours

    def _has_news(self) -> bool:
        with self._lock:
            return self._progress is not None or bool(self._events)

    def _tick(self) -> None:
        """Extend the lease and write the news; a database that is busy gets another chance until the lease ends."""
        try:
            self._write_news()
        except Error:
            log.warning("Job %s: the control plane did not take the heartbeat; trying again.", self._held.job_id)
            connection.close()  # a database that comes back does not mend the session that it ended

    def _write_news(self) -> None:
        with self._lock:
            progress, self._progress = self._progress, None
        changes = _columns(progress) if progress else {}
        asked_at = time.monotonic()
        asked = extend(self._held, **changes)
        if asked is None:
            self._signal = LeaseLost()
            return
        self._extended_at = asked_at
        self.throttle.set(_bytes_per_s(asked.max_mb_s))
        if asked.control is ControlRequest.PAUSE:
            self._signal = Paused()
        elif asked.control is ControlRequest.CANCEL:
            self._signal = Cancelled()
        if progress:
            _write_sample(self._held.job_id, progress)
        self._write_events()

    def _write_events(self) -> None:
        for _ in range(EVENTS_AT_ONCE):
            with self._lock:
                if not self._events:
                    return
                event = self._events.popleft()
            at = datetime.fromisoformat(event.at) if event.at else timezone.now()
            add_event(self._held.job_id, event.message, level=event.level, at=at)

    def _step_down(self) -> None:
        self._signal = LeaseLost()
        try:
            self._write_events()
            if give_up(self._held):
                add_event(self._held.job_id, "The worker was stopped; the run can be resumed", level="warning")
        except Error:
            log.warning("Job %s: could not give the lease back; it ends by itself.", self._held.job_id)

    def _flush_quietly(self) -> None:
        if isinstance(self._signal, LeaseLost):
            return  # the job is somebody else's: not even its events are ours to write
        try:
            self._write_news()
        except Error:
            log.warning("Job %s: the last progress was not written.", self._held.job_id)


def _bytes_per_s(max_mb_s: float | None) -> float | None:
    return max_mb_s * 1_000_000 if max_mb_s else None


def _columns(progress: Progress) -> dict[str, Any]:
    return {
        "progress": progress.as_dict(),
        "phase": progress.phase.value,
        "rows_done": progress.rows_done,
        "rows_total": progress.rows_total,
        "bytes_done": progress.bytes_done,
        "bytes_total": progress.bytes_total,
    }


def _write_sample(job_id: int, progress: Progress) -> None:
    MigrationSample.objects.create(
        job_id=job_id,
        at=timezone.now(),
        bytes_done=progress.bytes_done,
        rows_done=progress.rows_done,
        rate=progress.rate,
    )


_running: set[Pulse] = set()
_ending = threading.Event()


def stop_all() -> None:
    """Interrupt every job of this process: their leases end within a second, their engines at the next check.

    For good: a job that was claimed a moment ago, and whose pulse is about to start, is interrupted as well.
    """
    _ending.set()
    for pulse in tuple(_running):
        pulse.stop()
