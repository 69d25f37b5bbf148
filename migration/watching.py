"""What the watchers of a run are told: rendered once for all of them, each time that the run has something new.

Fifty open pages ask once a second. What they show is the same for all, so the first who asks after a change has it
rendered and the others get the same text; who has it already costs three small queries.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

CROWD = 10  # who asked for one text: with more, each asks half as often (bench/watchers.py)
CROWD_POLL_S = 2
KEPT = 16  # runs; a text is some 50 kB


@dataclass
class _Shared:
    """The newest text of one run, and the lock that one caller holds while making it."""

    tag: str = ""
    text: str = ""
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


_runs: OrderedDict[UUID, _Shared] = OrderedDict()
_lock = threading.Lock()


def shared_text(run_id: UUID, tag: str, make: Callable[[int], str]) -> str:
    """Return the text of a run at `tag`, made by one caller of this process for all that ask meanwhile.

    `make` is told how many asked for the text before this one.
    """
    shared = _of(run_id)
    with shared.lock:
        if shared.tag != tag:
            shared.text, shared.tag, shared.asked = make(shared.asked), tag, 0
        shared.asked += 1
        return shared.text


def _of(run_id: UUID) -> _Shared:
    with _lock:
        shared = _runs.setdefault(run_id, _Shared())
        _runs.move_to_end(run_id)
        while len(_runs) > KEPT:
            _runs.popitem(last=False)
        return shared
