"""Stopping while a server does not answer: the thread that works may be waiting for it, so another one looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from migration.engine.connections import Sessions
from migration.engine.lanes import WATCH_S
from migration.engine.model import Control, ControlSignal


@contextmanager
def stopping_at_once(control: Control, sessions: Sessions) -> Iterator[None]:
    """Look at the control all the while; when it wants the run to stop, end its sessions and raise what it raised.

    The sessions' errors are only the consequence: whoever called for the stop gets their own signal.
    """
    signals: list[Exception] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(WATCH_S):
            try:
                control.check()
            except Exception as exc:  # noqa: BLE001  # raised below, by the thread that works
                signals.append(exc)
                sessions.stop()
                return

    thread = threading.Thread(target=look, name="migration-stop", daemon=True)
    thread.start()
    try:
        yield
    except ControlSignal:
        raise
    except Exception:
        if signals:
            raise signals[0] from None
        raise
    finally:
        done.set()
        thread.join()
