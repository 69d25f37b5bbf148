"""A worker to be killed: runs one migration and sends itself SIGKILL at a chosen moment.

`python -m tests.integration.engine.runner SOURCE_URL TARGET_URL MOMENT`, where MOMENT is a phase's name, `rows:N` (rows
copied so far), `index:N` (indexes rebuilt so far) or `after:SECONDS` from the start of the copy.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")


class Killer:
    """Control and sink that end the process without a word, as kill -9 or the OOM killer would."""

    def __init__(self, moment: str) -> None:
        self.kind, _, self.value = moment.partition(":")

    def check(self) -> None:
        return None

    def event(self, event: object) -> None:
        return None

    def progress(self, progress: object) -> None:
        from migration.engine.model import Phase, Progress

        assert isinstance(progress, Progress)
        match self.kind:
            case "after" if progress.phase is Phase.COPY:
                threading.Timer(float(self.value), self.die).start()
            case kind if kind == progress.phase:
                self.die()

    def count(self, counter: Callable[..., None]) -> Callable[..., None]:
        """Wrap one of the tracker's counters: it is called by the thread that works, so no moment is missed."""
        done = 0

        def counting(tracker: object, *what: object) -> None:
            nonlocal done
            counter(tracker, *what)
            done += int(str(what[1])) if len(what) > 1 else 1
            if done >= int(self.value):
                self.die()

        return counting

    @staticmethod
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def main(source_url: str, target_url: str, moment: str) -> None:
    django.setup()
    from migration.engine import progress
    from migration.engine.model import Decisions
    from tests.integration.engine.support import make_plan, run, source_at, target_at

    progress.INTERVAL_S = 0.0  # small sources: look at every turn
    killer = Killer(moment)
    counter = {"rows": "add_rows", "index": "finish_index"}.get(killer.kind)
    if counter:
        setattr(progress.Tracker, counter, killer.count(getattr(progress.Tracker, counter)))
    source, target = source_at(source_url), target_at(target_url)
    plan = make_plan(source, target, Decisions())
    run(plan, source, target, killer, chunk_rows=200)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:])
