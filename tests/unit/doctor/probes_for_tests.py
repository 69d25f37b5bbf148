"""Small real probes: they answer, fail, hang or crash on demand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from doctor import codes
from doctor.findings import Finding, failed, passed
from doctor.probe import Context
from mosaic_admin.codes import Code


@dataclass(frozen=True)
class Scripted:
    name: str
    answer: Callable[[Context], Finding | list[Finding]] = field(default=lambda _: passed("fine"))
    requires: tuple[str, ...] = ()
    service: str = "postgres"
    ladder: str = "postgres"
    timeout_code: Code = codes.PROBE_TIMEOUT

    def run(self, context: Context) -> Finding | list[Finding]:
        return self.answer(context)


def fails(_: Context) -> Finding:
    return failed(codes.PG_ENCODING, "Wrong encoding.", "Make another database.", "createdb x")


def crashes(_: Context) -> Finding:
    raise ZeroDivisionError("hunter2-secret")


def hangs(_: Context) -> Finding:
    time.sleep(3)
    return passed("too late")
