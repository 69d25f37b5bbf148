"""What the watchers of a run are told: rendered once for all of them, each time that the run has something new.

Fifty open pages ask again and again. What they show is the same for all, so the first who asks after a change has it
rendered and the others get the same text; who has it already costs three small queries. Of many, each asks less often.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

CROWDS = ((30, 3), (10, 2))  # with more watchers than this, each asks every so many seconds (bench/watchers.py)
WINDOW_S = 3.0  # as long as the longest of these pauses: in it, everybody has asked
KEPT = 16  # runs; a text is some 50 kB


@dataclass
class _Shared:
    """The newest text of one run, who asked lately, and the lock that one caller holds while making the text."""

    tag: str = ""
    text: str = ""
    poll_s: int = 1
    is_settling: bool = False  # some still ask as they were told before
    asked: int = 0
    since: float = field(default_factory=lambda: monotonic())  # by its name: a test turns the clock
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, now: float) -> None:
        """Note one question; at the end of a window say how often each watcher has to ask from now on."""
        self.asked += 1
        lasted = now - self.since
        if lasted < WINDOW_S:
            return
        watchers, before = self.asked * self.poll_s / lasted, self.poll_s
        if not self.is_settling:
            self.poll_s = next((pause for crowd, pause in CROWDS if watchers > crowd), 1)
        self.is_settling = self.poll_s != before
        self.asked, self.since = 0, now


_runs: OrderedDict[UUID, _Shared] = OrderedDict()
_lock = threading.Lock()


def count_question(run_id: UUID) -> None:
    """Note that somebody who watches the run has asked this process for news."""
    shared = _of(run_id)
    with shared.lock:
        shared.count(monotonic())


def shared_text(run_id: UUID, tag: str, make: Callable[[int], str]) -> str:
    """Return the text of a run at `tag`, made by one caller of this process for all that ask meanwhile.

    `make` is told after how many seconds whoever gets the text shall ask again.
    """
    shared = _of(run_id)
    with shared.lock:
        if shared.tag != tag:
            shared.text, shared.tag = make(shared.poll_s), tag
        return shared.text


def _of(run_id: UUID) -> _Shared:
    with _lock:
        shared = _runs.setdefault(run_id, _Shared())
        _runs.move_to_end(run_id)
        while len(_runs) > KEPT:
            _runs.popitem(last=False)
        return shared
