"""The demo from start to Ctrl-C."""

from __future__ import annotations

import http.client
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from compose import codes
from compose.embedded.home_lock import home_lock
from compose.embedded.ports import require_free
from compose.embedded.stack import EmbeddedStack
from compose.embedded.supervisor import TICK_S, Say, Supervisor, marker_of, stop_leftovers
from mosaic_admin.demo import prepare
from mosaic_admin.demo.plan import DemoPlan
from mosaic_admin.errors import MosaicError

READY_TIMEOUT_S = 180.0  # a dozen processes start at once; on a busy small machine that takes its time


class StopRequested(BaseException):
    """Somebody asked the demo to stop: Ctrl-C, SIGTERM, or the terminal went away."""


@dataclass(frozen=True)
class Voice:
    """How the demo talks to whoever started it."""

    say: Say
    progress: prepare.Progress  # of the sample data: rows done, rows in all, table
    banner: Callable[[], None]


def run(plan: DemoPlan, voice: Voice) -> None:
    """Start everything, look after it until asked to stop, stop everything.

    Raises:
        MosaicError: MOS-STK-005 (runs already), MOS-ENV-003 (a port is taken), MOS-STK-… (something did not start).
    """
    with home_lock(plan.home), _stop_signals():
        supervisor = _make_supervisor(plan, voice.say)
        try:
            _start(plan, supervisor, voice)
            voice.banner()
            while True:
                time.sleep(TICK_S)
                supervisor.tick()
        except StopRequested:
            voice.say("Stopping …")
        finally:
            _ignore_stop_signals()
            supervisor.stop()
    voice.say("Everything is stopped; the data is kept.")


def _make_supervisor(plan: DemoPlan, say: Say) -> Supervisor:
    plan.make_folders()
    if left := stop_leftovers(marker_of(plan.home)):
        say(f"Stopped {left} processes that an earlier start left behind")
    return Supervisor(
        servers=plan.servers,
        specs=plan.processes,
        home=plan.home,
        environment=plan.process_environment,
        say=say,
    )


def _start(plan: DemoPlan, supervisor: Supervisor, voice: Voice) -> None:
    require_free(plan.ports)
    EmbeddedStack(plan.servers).up(voice.say)
    prepare.prepare_databases(plan)
    prepare.prepare_control_plane(plan, say=voice.say)
    prepare.prepare_sample_store(plan, progress=voice.progress)
    supervisor.start()
    _wait_for_dashboard(plan, supervisor)


def _wait_for_dashboard(plan: DemoPlan, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not _answers(plan):
        words = supervisor.ended("web")
        if words is not None or time.monotonic() > deadline:
            raise MosaicError(
                f"The dashboard does not answer: {words or f'nothing within {READY_TIMEOUT_S:.0f} s'}",
                remediation=f"Read its log with `tail -n 40 {plan.home}/logs/web.log`, then start again.",
                code=codes.NOT_READY,
            )
        supervisor.tick()
        time.sleep(TICK_S / 2)


def _answers(plan: DemoPlan) -> bool:
    host = plan.environment.web_host
    link = http.client.HTTPConnection("127.0.0.1" if host in ("0.0.0.0", "") else host, plan.environment.web_port)  # noqa: S104
    link.timeout = 5
    try:
        link.request("GET", "/healthz", headers={"Host": "localhost"})
        return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _stop_signals() -> Iterator[None]:
    before = {number: signal.signal(number, _request_stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _request_stop(number: int, frame: FrameType | None) -> None:
    raise StopRequested


def _ignore_stop_signals() -> None:
    """A second Ctrl-C must not leave half of the processes behind."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
