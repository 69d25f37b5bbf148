"""Several faults at once, drawn at random: the report still names a true root cause first, within six seconds.

20 draws; MOSAIC_TEST_FAULT_DRAWS=100 for the long mode, MOSAIC_TEST_FAULT_SEED for other ones.
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass

import pytest

from doctor.examine import examine, file_subject
from doctor.findings import Status
from doctor.report import Light, Report
from mosaic_admin.wiring import probes_for
from tests.integration.doctor.faults import FAULTS, Install
from tests.stalls import stalls

DRAWS = int(os.environ.get("MOSAIC_TEST_FAULT_DRAWS", "20"))
SEED = int(os.environ.get("MOSAIC_TEST_FAULT_SEED", "1"))

# In the order in which the report has to name them. `hiding` faults leave nothing else of their server to be seen.
RECORD = ("cutover record disagrees", "cutover record damaged")
HIDING = {
    "postgres": (
        "postgres name unknown",
        "postgres refuses",
        "postgres hangs",
        "postgres without the TLS that is asked for",
        "postgres password",
        "postgres database missing",
        "postgres starting",
    ),
    "valkey": ("valkey refuses", "valkey hangs", "valkey password"),
}
VISIBLE = {
    "postgres": (
        ("postgres read-only",),
        ("postgres behind a pooler",),
        ("pgvector too old", "pgvector downgraded"),
        ("store with an unfinished migration", "store of another version"),
    ),
    "valkey": (("valkey read-only",), ("valkey evicts",), ("valkey rights",)),
}
# How they are made one after the other: a pooler stands before the finished store, and a read-only one takes no more.
MADE_LAST = ("postgres read-only", "postgres behind a pooler")


@dataclass(frozen=True)
class Draw:
    """`expected`: the faults that can be seen, the root cause first; `hidden`: those behind one that hides them."""

    expected: tuple[str, ...]
    hidden: tuple[str, ...]

    @property
    def in_order_of_making(self) -> list[str]:
        every = [*self.hidden, *self.expected]
        late = [*MADE_LAST, *(name for names in HIDING.values() for name in names)]
        return sorted(every, key=lambda name: late.index(name) if name in late else -1)

    def __str__(self) -> str:
        return " + ".join(self.expected) + (f" (hiding {len(self.hidden)})" if self.hidden else "")


def draw(chance: random.Random) -> Draw:
    expected, hidden = [], []
    if chance.random() < 0.15:
        expected.append(chance.choice(RECORD))
    for server in ("postgres", "valkey"):
        seen = [chance.choice(rung) for rung in VISIBLE[server] if chance.random() < 0.5]
        if chance.random() < 0.4:
            expected.append(chance.choice(HIDING[server]))
            hidden += seen
        else:
            expected += seen
    return Draw(tuple(expected), tuple(hidden)) if expected else draw(chance)


def draws() -> list[Draw]:
    chance = random.Random(SEED)
    return [draw(chance) for _ in range(DRAWS)]


@pytest.mark.parametrize("draw", draws(), ids=str)
def test_the_true_root_cause_is_on_top_within_six_seconds(draw: Draw, install: Install) -> None:
    for fault in draw.in_order_of_making:
        FAULTS[fault].make(install)
    path = install.written()
    with stalls() as machine:
        begun = time.monotonic()
        report = examine(file_subject(path), probes_for)
        took = time.monotonic() - begun

    assert took - machine.seconds <= 6.0, f"{took:.1f} s, of which the machine held up {machine.seconds:.1f} s"
    assert report.status is Light.RED
    codes = [item.code.id for item in report.root_causes if item.code]
    assert codes == [FAULTS[fault].code for fault in draw.expected], "each that can be seen once, the root cause first"
    assert_the_rest_waits_for_a_cause(report)


def assert_the_rest_waits_for_a_cause(report: Report) -> None:
    """What is skipped because of something names one of the failures."""
    causes = {item.code for item in report.root_causes}
    waiting = [item for item in report.findings if item.status is Status.SKIP and item.caused_by is not None]
    assert all(item.caused_by in causes for item in waiting)
