"""A few threads, each with connections of its own, working through one list; the caller's thread keeps watch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import psycopg

from migration.engine.catalog import Connection
from migration.engine.connections import Sessions, memory_named, translate
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
    beside: LaneGroup[Any] | None = None,
) -> None:
    """Work through `tasks` on `lanes` threads. The first failure, or a control signal, ends all of them at once.

    `beside` is a group that works meanwhile, and that is not waited for: its failures end this one too.
    """
    group = LaneGroup(ends, work, lanes=lanes, use=use, beside=beside)
    for task in tasks:
        group.add(task)
    group.wait(watch)


class LaneGroup(Generic[Task]):
    """Threads that take tasks while they are added, from any thread, until `wait` says that no more will come."""

    def __init__(
        self,
        ends: Ends,
        work: Callable[[Lane, Task], None],
        *,
        lanes: int,
        use: tuple[str, ...] = ("source", "target"),
        beside: LaneGroup[Any] | None = None,
    ) -> None:
        self._ends, self._work, self._use, self._lanes, self._beside = ends, work, use, lanes, beside
        self._todo: queue.SimpleQueue[Task | None] = queue.SimpleQueue()  # None: a lane may end
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()
        self._failures: queue.SimpleQueue[BaseException] = beside._failures if beside else queue.SimpleQueue()

    def add(self, task: Task) -> None:
        """Append a task; lanes start as they are needed."""
        self._todo.put(task)
        with self._starting:
            if len(self._threads) < self._lanes:
                number = len(self._threads)
                thread = threading.Thread(target=self._run, name=f"migration-lane-{number}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def wait(self, watch: Watch) -> None:
        """Keep watch until everything is done; the failure of any lane is raised here, after all have ended."""
        self._let_go()
        try:
            while (alive := [thread for thread in self._threads if thread.is_alive()]) and self._failures.empty():
                watch.control.check()
                watch.tracker.tick()
                alive[-1].join(WATCH_S)
        except BaseException:
            self.end()
            raise
        if not self._failures.empty():
            first = self._failures.get()
            self.end()
            raise translate(first) from None

    def end(self) -> None:
        """End every session of the run, and with them these lanes and those beside; a lane that is done stays so."""
        self._ends.sessions.stop()
        self._let_go()
        for thread in self._threads:
            thread.join()
        if self._beside:
            self._beside.end()

    def _let_go(self) -> None:
        for _ in self._threads:
            self._todo.put(None)

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                lane = self._open(stack)
                stack.enter_context(memory_named(lane.source, lane.target))
                while (task := self._todo.get()) is not None and not self._ends.sessions.stopped.is_set():
                    self._work(lane, task)
        except BaseException as exc:  # noqa: BLE001  # handed to the thread that waits, which raises it
            self._failures.put(exc)

    def _open(self, stack: ExitStack) -> Lane:
        lane, ends = Lane(), self._ends
        if "source" in self._use:
            lane.source = stack.enter_context(ends.sessions.source(ends.source, ends.name))
        if "target" in self._use:
            lane.target = stack.enter_context(ends.sessions.target(ends.target, ends.name))
            # VACUUM marks only rows whose commit is known to be on the disk, and among commits that do not wait for it
            # an old one is not told from the newest; but a standby's answer is not waited for
            lane.target.execute("SET synchronous_commit = local")
        return lane


def is_row_error(error: psycopg.Error) -> bool:
    """Say whether the server refused a row (class 22 data, class 23 constraint), rather than the statement.

    54000: pgvector's word for a vector of too many dimensions.
    """
    state = error.sqlstate or ""
    return state[:2] in ("22", "23") or state == "54000"
