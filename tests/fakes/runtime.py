"""A stack in memory that implements the whole protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from compose.runtime import SERVICES, LogLine, Say, ServiceState, ServiceStatus, StackStatus, Volume
from mosaic_admin.errors import MosaicError

MOMENT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@dataclass
class FakeRuntime:
    """Both services are up or down together; `fails_with` is raised by the next verb, after it said something."""

    name: str = "docker"
    is_up: bool = False
    was_up: bool = False
    fails_with: Exception | None = None
    status_fails_with: MosaicError | None = None
    said: list[str] = field(default_factory=list)
    log: list[LogLine] = field(default_factory=list)

    def up(self, say: Say) -> None:
        self._do("Starting", say)
        self.is_up = self.was_up = True

    def down(self, say: Say) -> None:
        self._do("Stopping", say)
        self.is_up = False

    def restart(self, service: str | None, say: Say) -> None:
        self._do(f"Restarting {service or 'all'}", say)

    def rotate(self, say: Say) -> None:
        self._do("Rotating", say)

    def status(self) -> StackStatus:
        if self.status_fails_with:
            raise self.status_fails_with
        state = ServiceState.HEALTHY if self.is_up else ServiceState.STOPPED if self.was_up else ServiceState.ABSENT
        services = tuple(
            ServiceStatus(name, state, "127.0.0.1:5433", image=f"{name}:17", volumes=(f"{name}-data",), since=MOMENT)
            for name in SERVICES
        )
        volumes = tuple(Volume(f"{name}-data", (name,), MOMENT) for name in SERVICES) if self.was_up else ()
        return StackStatus("Docker 28.5.1", services, volumes)

    def logs(self, service: str, *, tail: int) -> list[LogLine]:
        return self.log[-tail:]

    def config(self) -> str:
        return "services: {}\n"

    def _do(self, words: str, say: Say) -> None:
        say(words)
        self.said.append(words)
        if self.fails_with:
            raise self.fails_with
