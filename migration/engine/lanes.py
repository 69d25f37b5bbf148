"""A few threads, each with connections of its own, working through one list; the caller's thread keeps watch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg

from migration.engine.catalog import Connection
from migration.engine.connections import Sessions, translate
from migration.engine.model import Control, Endpoint
from migration.engine.progress import Tracker
from migration.engine.throttle import Throttle

Task = TypeVar("Task")
WATCH_S = 0.25  # how soon a pause, a cancel or a lost lease is noticed


@dataclass(frozen=True)
class Ends:
    """Both ends of a run, as what a thread needs to open them."""

    source: Endpoint
    target: Endpoint
    name: str  # application_name of every session of this run
    sessions: Sessions


@dataclass
class Lane:
    """One thread's connections; an end that the work doesn't need stays unopened."""

    source: Connection | None = None
    target: Connection | None = None


@dataclass(frozen=True)
class Watch:
    control: Control
    tracker: Tracker
    throttle: Throttle = field(default_factory=Throttle)


def run_lanes(
    ends: Ends,
    watch: Watch,
    tasks: Iterable[Task],
    work: Callable[[Lane, Task], None],
    *,
    lanes: int,
    use: tuple[str, ...] = ("source", "target"),
) -> None:
    """Work through `tasks` on `lanes` threads. The first failure, or a control signal, ends all of them at once."""
    todo: queue.SimpleQueue[Task] = queue.SimpleQueue()
    count = 0
    for task in tasks:
        todo.put(task)
        count += 1
    group = LaneGroup(ends, todo, work, use)
    group.start(min(lanes, count))
    group.wait(watch)


class LaneGroup:
    def __init__(
        self,
        ends: Ends,
        todo: queue.SimpleQueue[Task],
        work: Callable[[Lane, Task], None],
        use: tuple[str, ...],
    ) -> None:
        self._ends, self._todo, self._work, self._use = ends, todo, work, use
        self._threads: list[threading.Thread] = []
        self._failures: queue.SimpleQueue[BaseException] = queue.SimpleQueue()

    def start(self, lanes: int) -> None:
        for number in range(lanes):
            thread = threading.Thread(target=self._run, name=f"migration-lane-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def wait(self, watch: Watch) -> None:
        try:
            while self._is_running() and self._failures.empty():
                watch.control.check()
                watch.tracker.tick()
                self._threads[-1].join(WATCH_S)
        except BaseException:
            self._end()
            raise
        if not self._failures.empty():
            first = self._failures.get()
            self._end()
            raise translate(first) from None

    def _is_running(self) -> bool:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return bool(self._threads)

    def _end(self) -> None:
        self._ends.sessions.stop()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                lane = self._open(stack)
                while not self._ends.sessions.stopped.is_set():
                    self._work(lane, self._todo.get_nowait())
        except queue.Empty:
            return
        except BaseException as exc:  # noqa: BLE001  # handed to the thread that waits, which raises it
            self._failures.put(exc)

    def _open(self, stack: ExitStack) -> Lane:
        lane, ends = Lane(), self._ends
        if "source" in self._use:
            lane.source = stack.enter_context(ends.sessions.source(ends.source, ends.name))
        if "target" in self._use:
            lane.target = stack.enter_context(ends.sessions.target(ends.target, ends.name))
            # rows and checkpoint are lost or kept together, and the run's own session flushes all of it in the end
            lane.target.execute("SET synchronous_commit = off")
        return lane


def is_row_error(error: psycopg.Error) -> bool:
    """Say whether the server refused a row (class 22 data, class 23 constraint), rather than the statement.

    54000: pgvector's word for a vector of too many dimensions.
    """
    state = error.sqlstate or ""
    return state[:2] in ("22", "23") or state == "54000"
