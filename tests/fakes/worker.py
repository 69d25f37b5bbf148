"""A real Celery worker whose engine is the fake one: for tests of messages, leases and signals.

`python -m tests.fakes.worker SECONDS`: phase copy takes that long, and looks at its control all the time.
"""

from __future__ import annotations

import sys
import time

from mosaic_admin.celery import app
from tests.fakes.engine import FakeEngine


def main(copy_s: float) -> None:
    import django

    django.setup()
    from migration import runner
    from migration.engine.model import Phase

    class SlowEngine(FakeEngine):
        def run_plan(self, plan, source, target, *, control, **others):  # type: ignore[no-untyped-def]
            def copy(phase: Phase) -> None:
                end = time.monotonic() + copy_s
                while phase is Phase.COPY and time.monotonic() < end:
                    control.check()
                    time.sleep(0.1)

            self.at_phase = copy
            return super().run_plan(plan, source, target, control=control, **others)

    engine = SlowEngine()
    runner.default_engine = lambda: engine
    runner.prepare_schema = lambda target: None
    app.worker_main(["worker", "--loglevel=WARNING", "--concurrency=2", "--without-gossip", "--without-mingle"])


if __name__ == "__main__":
    main(float(sys.argv[1]))
