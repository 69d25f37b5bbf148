"""What the machine itself held a test up: a limit in seconds is the product's, not that of a host with other work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

TICK_S = 0.05
USUAL_S = 0.02  # by which a sleep on an idle machine may be longer


class Stalls:
    """`seconds`: by how much a thread that only sleeps woke up too late, in all."""

    seconds = 0.0


@contextmanager
def stalls() -> Iterator[Stalls]:
    found, is_over = Stalls(), threading.Event()

    def tick() -> None:
        while True:
            begun = time.monotonic()
            if is_over.wait(TICK_S):
                return
            late = time.monotonic() - begun - TICK_S
            found.seconds += late if late > USUAL_S else 0.0

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()
