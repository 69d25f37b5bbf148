"""Progress of a run: counted by the copiers' threads, shown about once a second by the thread that waits for them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from migration.engine.model import Event, Phase, Plan, Progress, Sink, TablePlan, TableProgress, TableState

INTERVAL_S = 1.0
RATE_WINDOW_S = 10.0  # shorter jumps with every commit, longer hides a stall


@dataclass
class _Table:
    plan: TablePlan
    rows_total: int
    rows: int = 0
    chunks_done: int = 0
    chunks_total: int = 1
    is_verified: bool = False

    @property
    def bytes_done(self) -> int:
        """Rows in proportion: the stream's bytes are not the table's, and a bar must end at its end."""
        if self.state in (TableState.COPIED, TableState.VERIFIED):
            return self.plan.bytes
        return self.plan.bytes * min(self.rows, self.rows_total) // max(self.rows_total, 1)

    @property
    def state(self) -> TableState:
        if self.is_verified:
            return TableState.VERIFIED
        if self.chunks_done >= self.chunks_total:
            return TableState.COPIED
        return TableState.COPYING if self.rows or self.chunks_done else TableState.WAITING


class Tracker:
    """What a run has done so far. Its counting methods may be called from any thread."""

    def __init__(self, plan: Plan, sink: Sink) -> None:
        self._sink = sink
        self._estimate = plan.estimate
        self._lock = threading.Lock()
        self._tables = {t.name: _Table(t, t.rows, chunks_total=t.chunks) for t in plan.copied_tables}
        self._samples: deque[tuple[float, int]] = deque()
        self._shown = 0.0
        self._phase, self._phase_at, self._since = Phase.PREFLIGHT, _now(), time.monotonic()
        self.durations: dict[str, float] = {}
        self._index_done = self._index_total = 0

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        self._phase, self._phase_at, self._since = phase, _now(), time.monotonic()
        self._samples.clear()
        self.show()
        try:
            yield
        finally:
            self.durations[phase.value] = self.durations.get(phase.value, 0.0) + time.monotonic() - self._since

    def event(self, message: str, level: Literal["info", "warning", "error"] = "info") -> None:
        self._sink.event(Event(level, message, _now()))

    def set_chunks(self, table: str, done: int, total: int, rows: int) -> None:
        with self._lock:
            entry = self._tables[table]
            entry.chunks_done, entry.chunks_total, entry.rows = done, total, rows

    def add_rows(self, table: str, rows: int) -> None:
        with self._lock:
            self._tables[table].rows += rows

    def finish_chunk(self, table: str) -> None:
        with self._lock:
            self._tables[table].chunks_done += 1

    def set_verified(self, table: str) -> None:
        with self._lock:
            self._tables[table].is_verified = True

    def set_indexes(self, done: int, total: int) -> None:
        with self._lock:
            self._index_done, self._index_total = done, total

    def set_index_total(self, total: int) -> None:
        with self._lock:
            self._index_total = total

    def finish_index(self) -> None:
        with self._lock:
            self._index_done += 1

    def tick(self) -> None:
        if time.monotonic() - self._shown >= INTERVAL_S:
            self.show()

    def show(self) -> None:
        self._shown = time.monotonic()
        self._sink.progress(self.snapshot())

    def snapshot(self) -> Progress:
        with self._lock:
            tables = tuple(map(_shown, self._tables.values()))
        done, total = sum(t.bytes_done for t in tables), sum(t.bytes_total for t in tables)
        rate = self._rate(done)
        return Progress(
            phase=self._phase,
            phase_started_at=self._phase_at,
            phases=self.durations | {self._phase.value: time.monotonic() - self._since},
            tables=tables,
            rows_done=sum(t.rows_done for t in tables),
            rows_total=sum(t.rows_total for t in tables),
            bytes_done=done,
            bytes_total=total,
            index_done=self._index_done,
            index_total=self._index_total,
            rate=rate,
            eta_s=self._eta(rate, total - done),
        )

    def _rate(self, done: int) -> float:
        now = time.monotonic()
        self._samples.append((now, done))
        while len(self._samples) > 2 and now - self._samples[0][0] > RATE_WINDOW_S:
            self._samples.popleft()
        first_at, first = self._samples[0]
        return max(0.0, (done - first) / (now - first_at)) if now > first_at else 0.0

    def _eta(self, rate: float, left: int) -> float | None:
        """Seconds to the end: what the copy's own rate says, then the plan's estimate of the phases that follow."""
        phases = list(Phase)
        after = phases[phases.index(self._phase) + 1 :]
        later = sum(self._estimate.get(phase.value, 0.0) for phase in after)
        if self._phase is Phase.COPY:
            return left / rate + later if rate > 0 else None
        spent = time.monotonic() - self._since
        return max(0.0, self._estimate.get(self._phase.value, 0.0) - spent) + later


def _shown(entry: _Table) -> TableProgress:
    plan = entry.plan
    return TableProgress(
        name=plan.name,
        state=entry.state,
        rows_done=max(0, entry.rows),
        rows_total=max(entry.rows_total, entry.rows),
        bytes_done=entry.bytes_done,
        bytes_total=plan.bytes,
        chunks_done=entry.chunks_done,
        chunks_total=entry.chunks_total,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat()
