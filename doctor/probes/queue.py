"""The in-process queue of the local tier: nothing to reach, and a word about what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from doctor.findings import Finding, passed
from doctor.probe import BaseProbe, Context


@dataclass(frozen=True)
class LocalQueueProbe(BaseProbe):
    service: ClassVar[str] = "queue"
    ladder: ClassVar[str] = "queue"
    name: ClassVar[str] = "queue.local"

    def run(self, context: Context) -> Finding:
        return passed("Jobs run inside the gateway's process.")
