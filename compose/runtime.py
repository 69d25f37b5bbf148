"""What every way of running the federated stack can do: `docker` in production, `embedded` for trials and tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from compose import codes
from mosaic_admin.errors import MosaicError

POSTGRES, VALKEY = "postgres-federated", "valkey-federated"
SERVICES = (POSTGRES, VALKEY)  # in start order; both runtimes use the compose file's names

Say = Callable[[str], None]


class ServiceState(StrEnum):
    """A service as its runtime sees it, not as a probe does."""

    HEALTHY = "healthy"
    STARTING = "starting"
    UNHEALTHY = "unhealthy"
    PAUSED = "paused"
    STOPPED = "stopped"
    ABSENT = "absent"  # never started here, or taken down: its volume may be there

    @property
    def is_up(self) -> bool:
        """Say whether something runs that `down` would end."""
        return self not in (ServiceState.STOPPED, ServiceState.ABSENT)


@dataclass(frozen=True)
class ServiceStatus:
    """One service of the stack. `ports` are `host:port → port`, never with a password; `digest` names what runs."""

    name: str
    state: ServiceState
    endpoint: str = ""
    pid: int | None = None
    image: str = ""
    digest: str = ""
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    memory_limit_bytes: int | None = None
    since: datetime | None = None
    exit_code: int | None = None
    config_hash: str = ""  # of the configuration that it was started with
    note: str = ""  # what the health check said last, as the engine tells it


@dataclass(frozen=True)
class Volume:
    """Where a service's data lies. Nothing in this package deletes one."""

    name: str
    used_by: tuple[str, ...]
    made_at: datetime | None = None


@dataclass(frozen=True)
class LogLine:
    """One line of a service's log, redacted; `at` is None where the server's own text holds the time."""

    text: str
    at: datetime | None = None
    is_trouble: bool = False


@dataclass(frozen=True)
class StackStatus:
    """The whole stack at one moment; `engine` is what runs it, with its version."""

    engine: str
    services: tuple[ServiceStatus, ...]
    volumes: tuple[Volume, ...] = ()
    others: tuple[ServiceStatus, ...] = field(default=())  # further services of the same project

    @property
    def is_healthy(self) -> bool:
        return all(service.state is ServiceState.HEALTHY for service in self.services)

    @property
    def is_up(self) -> bool:
        return any(service.state.is_up for service in self.services)

    @property
    def healthy_count(self) -> int:
        return sum(service.state is ServiceState.HEALTHY for service in self.services)


def nothing_runs(so: str) -> MosaicError:
    """Return the error for what needs a running stack: `so` ends its sentence."""
    return MosaicError(
        f"The stack does not run, so {so}.", remediation="Start it with `mosaic stack up`.", code=codes.STACK_DOWN
    )


class Runtime(Protocol):
    """Start, stop and describe the services of the stack. Data outlives `down`; nothing here deletes it.

    `say` gets one redacted line at a time, live. Every verb is idempotent and raises MosaicError.
    """

    @property
    def name(self) -> str: ...

    def up(self, say: Say) -> None:
        """Start what does not run, and return when all of it is healthy."""

    def down(self, say: Say) -> None:
        """Stop everything in reverse order, and keep all data."""

    def restart(self, service: str | None, say: Say) -> None:
        """Restart one service, or all, and return when all of it is healthy."""

    def rotate(self, say: Say) -> None:
        """Give both servers and the password files new passwords, or finish a change that was cut short."""

    def status(self) -> StackStatus:
        """Describe every service and volume, also while nothing runs. It asks the runtime and no server."""

    def logs(self, service: str, *, tail: int) -> list[LogLine]:
        """Return the last lines of a service's log, oldest first, redacted."""

    def config(self) -> str:
        """Return what would be applied, rendered; it names secret files and holds no secret."""
