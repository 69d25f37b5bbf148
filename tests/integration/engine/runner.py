"""A worker to be killed: runs one migration and sends itself SIGKILL at a chosen moment.

`python -m tests.integration.engine.runner SOURCE_URL TARGET_URL MOMENT`, where MOMENT is a phase's name, `rows:N` (rows
copied so far), `index:N` (indexes rebuilt so far) or `after:SECONDS` from the start of the copy.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

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
            # a fast copy can end between two looks: then the next phase's first look is the moment
            case "rows" if progress.rows_done >= int(self.value):
                self.die()
            case "index" if progress.index_done >= int(self.value):
                self.die()
            case "after" if progress.phase is Phase.COPY:
                threading.Timer(float(self.value), self.die).start()
            case kind if kind == progress.phase:
                self.die()

    @staticmethod
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def main(source_url: str, target_url: str, moment: str) -> None:
    django.setup()
    from migration.engine import progress
    from migration.engine.model import Decisions
    from tests.integration.engine.support import make_plan, run, source_at, target_at

    progress.INTERVAL_S = 0.0  # small sources: look at every turn
    source, target = source_at(source_url), target_at(target_url)
    plan = make_plan(source, target, Decisions())
    run(plan, source, target, Killer(moment), chunk_rows=200)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:])
