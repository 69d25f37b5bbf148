"""The copy's speed limit: one budget for all threads, changed while they wait."""

from __future__ import annotations

import threading
import time

import pytest

from migration.engine.model import Cancelled
from migration.engine.throttle import Throttle


def nothing() -> None:
    return None


def test_without_a_limit_nothing_waits() -> None:
    begun = time.monotonic()
    for _ in range(1000):
        Throttle().take(10**9, nothing)
    assert time.monotonic() - begun < 5


def test_two_threads_share_one_budget() -> None:
    throttle = Throttle(1_000_000)
    begun = time.monotonic()

    def work() -> None:
        for _ in range(5):
            throttle.take(100_000, nothing)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.monotonic() - begun
    assert 0.85 <= taken < 10  # 1 MB at 1 MB/s; the last portion need not be waited for


def test_another_limit_ends_a_long_wait_at_once() -> None:
    throttle = Throttle(10)
    throttle.take(1000, nothing)
    waiter = threading.Thread(target=throttle.take, args=(1, nothing))
    waiter.start()
    time.sleep(0.1)
    assert waiter.is_alive()
    assert throttle.set(None)
    assert not throttle.set(None)
    waiter.join(20)  # of 100
    assert not waiter.is_alive()


def test_a_cancel_gets_through_a_wait() -> None:
    throttle = Throttle(1)
    throttle.take(1000, nothing)

    def cancelled() -> None:
        raise Cancelled

    begun = time.monotonic()
    with pytest.raises(Cancelled):
        throttle.take(1, cancelled)
    assert time.monotonic() - begun < 20  # of 1000
