"""Workers to be killed: `python -m tests.integration.engine.runner` starts one process per line of JSON on its stdin.

A line is `{"source", "target", "moment", "decisions", "options", "all_large", "report"}`; the answers are `started
PID` and `ended PID CODE`. Each process is a fork of this one, which has imported everything: a kill costs no start of
Django.

Moments: a phase's name, `rows:N` (rows copied so far), `index:N` (indexes rebuilt so far), `before:N` and `after:N`
(just before or after the commit of the Nth fenced transaction on the target), `late:SECONDS` from the start,
`stop:rows:N` (freeze instead of dying), `never`.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")


class Killer:
    """Control and sink that end the process without a word, as kill -9 or the OOM killer would."""

    def __init__(self, moment: str) -> None:
        self.signal = signal.SIGKILL
        if moment.startswith("stop:"):
            self.signal, moment = signal.SIGSTOP, moment.removeprefix("stop:")
        self.kind, _, self.value = moment.partition(":")
        self.transactions = 0
        self.is_over = False

    def arm(self) -> None:
        """Put the killer where it cannot miss its moment: into the thread that does the work."""
        from migration.engine.ledger_rows import Claim
        from migration.engine.progress import Tracker

        counter = {"rows": "add_rows", "index": "finish_index"}.get(self.kind)
        if counter:
            setattr(Tracker, counter, self._count(getattr(Tracker, counter)))
        if self.kind == "late":
            threading.Timer(float(self.value), self.die).start()
        Claim.transaction = self._fenced(Claim.transaction)  # type: ignore[assignment, method-assign]

    def check(self) -> None:
        return None

    def event(self, event: object) -> None:
        return None

    def progress(self, progress: Any) -> None:
        if self.kind == progress.phase:
            self.die()

    def _count(self, counter: Callable[..., None]) -> Callable[..., None]:
        done = 0

        def counting(tracker: object, *what: object) -> None:
            nonlocal done
            counter(tracker, *what)
            done += int(str(what[1])) if len(what) > 1 else 1
            if done >= int(self.value):
                self.die()

        return counting

    def _fenced(self, transaction: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def counted(claim: object, connection: object) -> Iterator[None]:
            with transaction(claim, connection):
                yield
                self.transactions += 1
                number = self.transactions
                if (self.kind, self.value) == ("before", str(number)):
                    self.die()
            if (self.kind, self.value) == ("after", str(number)):
                self.die()

        return counted

    def die(self) -> None:
        if not self.is_over:  # one that was only frozen goes on afterwards
            self.is_over = True
            os.kill(os.getpid(), self.signal)


def migrate(work: dict[str, Any]) -> None:
    """Run one migration; the report says how it ended and what it took."""
    from migration.engine import progress
    from migration.engine.model import Decisions
    from mosaic_admin.errors import MosaicError
    from tests.integration.engine.support import make_plan, run, source_at, take_all_for_large, target_at

    if work["all_large"]:
        take_all_for_large(setattr, tidy_bytes=20_000)
    progress.INTERVAL_S = 0.0  # small sources: look at every turn
    killer = Killer(work["moment"])
    killer.arm()
    source, target = source_at(work["source"]), target_at(work["target"])
    try:
        plan = make_plan(source, target, Decisions.from_dict(work["decisions"]))
        state = str(run(plan, source, target, killer, **work["options"]).state)  # type: ignore[arg-type]
    except MosaicError as error:
        state = error.code.id
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    Path(work["report"]).write_text(json.dumps({"state": state, "peak_kb": peak, "transactions": killer.transactions}))


def _child(work: dict[str, Any]) -> None:
    try:
        migrate(work)
    except BaseException:  # noqa: BLE001  # nothing of the mother's may run in a fork, whatever happens
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def serve() -> None:
    """Fork for each line, report each end; end with the input."""
    running: set[int] = set()
    while True:
        if select.select([sys.stdin], [], [], 0.02)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            pid = os.fork()
            if pid == 0:
                _child(json.loads(line))
            running.add(pid)
            _say("started", pid)
        for pid in tuple(running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                running.discard(pid)
                _say("ended", pid, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    django.setup()
    import tests.integration.engine.support  # noqa: F401  # and with it the whole engine

    serve()
