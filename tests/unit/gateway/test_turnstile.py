"""The turnstile with a lock that does what a test tells it; the real lock is in tests/integration/gateway."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from gateway import turnstile as module
from gateway.errors import NotServingError, StillInFlightError
from gateway.turnstile import ServingState, Turnstile
from mosaic_admin.errors import MosaicError
from store import codes as store_codes


class FakeLock:
    """Held until a test takes it away; `busy` refuses to be taken, like a migration's."""

    def __init__(self) -> None:
        self.busy = False
        self.held = False

    def acquire(self, timeout_s: float = 0.0) -> None:
        if self.busy:
            raise MosaicError("A migration holds it.", remediation="Wait.", code=store_codes.BUSY)
        self.held = True

    def is_held(self) -> bool:
        return self.held

    def release(self) -> None:
        self.held = False


@pytest.fixture
def lock() -> FakeLock:
    return FakeLock()


@pytest.fixture
def gate(lock: FakeLock) -> Turnstile:
    made = Turnstile(lambda: lock, recheck=lambda: None)
    made._check()
    return made


def refused_code(gate: Turnstile) -> str:
    with pytest.raises(NotServingError) as refused, gate.admit():
        pass
    assert refused.value.http_status == 503
    return refused.value.code.id


def test_a_held_lock_lets_requests_through(gate: Turnstile) -> None:
    with gate.admit():
        assert gate.snapshot().in_flight == 1
    assert gate.snapshot().in_flight == 0


def test_a_lock_that_is_gone_is_taken_again(gate: Turnstile, lock: FakeLock) -> None:
    generation = gate.generation
    lock.held = False
    gate._check()
    assert lock.held
    assert gate.generation == generation + 1


def test_a_migration_closes_the_gateway_until_it_lets_go(gate: Turnstile, lock: FakeLock) -> None:
    lock.held, lock.busy = False, True
    gate._check()
    assert refused_code(gate) == "MOS-STO-001"
    lock.busy = False
    gate._check()
    assert gate.snapshot().state is ServingState.SERVING


def test_a_check_that_hangs_closes_the_gateway(gate: Turnstile, monkeypatch: pytest.MonkeyPatch) -> None:
    now = module.time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now + module.CONFIRMED_WITHIN_S + 0.1)
    assert refused_code(gate) == "MOS-GW-011"


def test_pause_releases_and_resume_takes_the_lock(gate: Turnstile, lock: FakeLock) -> None:
    gate.pause()
    assert not lock.held
    assert refused_code(gate) == "MOS-GW-010"
    gate._check()
    assert gate.snapshot().state is ServingState.PAUSED
    gate.resume()
    assert lock.held


def test_pause_keeps_the_lock_while_a_request_runs_and_says_so(gate: Turnstile, lock: FakeLock) -> None:
    with gate.admit():
        with pytest.raises(StillInFlightError):
            gate.pause(wait_s=0.01)
        assert lock.held
        assert refused_code(gate) == "MOS-GW-010"
    gate._check()
    assert not lock.held
    assert gate.snapshot().state is ServingState.PAUSED


def test_a_pause_that_comes_while_the_lock_is_checked_wins(lock: FakeLock) -> None:
    checking, go_on = threading.Event(), threading.Event()

    class SlowLock(FakeLock):
        def is_held(self) -> bool:
            checking.set()
            go_on.wait(5)
            return True

    slow = SlowLock()
    gate = Turnstile(lambda: slow, recheck=lambda: None)
    gate._check()
    watcher = threading.Thread(target=gate._check)
    watcher.start()
    assert checking.wait(5)
    pausing = threading.Thread(target=gate.pause)
    pausing.start()
    go_on.set()
    watcher.join(5)
    pausing.join(5)
    assert gate.snapshot().state is ServingState.PAUSED
    assert not slow.held


def test_resume_says_why_it_cannot(gate: Turnstile, lock: FakeLock) -> None:
    gate.pause()
    lock.busy = True
    with pytest.raises(NotServingError, match="A migration holds it"):
        gate.resume()


def _fail() -> None:
    raise MosaicError("The run is not finished.", remediation="Resume it.", code=store_codes.BUSY)


def _crash() -> None:
    raise RuntimeError("a bug")


@pytest.mark.parametrize(("recheck", "state"), [(_fail, ServingState.BUSY), (_crash, ServingState.LOST)])
def test_a_store_that_must_not_be_served_is_not_kept_locked(
    lock: FakeLock, recheck: Callable[[], None], state: ServingState
) -> None:
    gate = Turnstile(lambda: lock, recheck=recheck)
    gate._check()
    assert gate.snapshot().state is state
    assert not lock.held
