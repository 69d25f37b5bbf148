"""What every way of running the federated stack can do; `embedded` is here, `docker` comes in a later part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

ServiceState = Literal["running", "stopped"]


@dataclass(frozen=True)
class ServiceStatus:
    """One service of the stack as its runtime sees it: a process that is there, not a probe's opinion."""

    name: str
    state: ServiceState
    endpoint: str  # host:port, never with a password
    pid: int | None = None


class Runtime(Protocol):
    """Start, stop and describe the services of a stack. Data outlives `down`; nothing here deletes it."""

    name: str

    def up(self) -> list[ServiceStatus]:
        """Start what does not run yet, in order, and return when all of it accepts connections. Idempotent."""

    def down(self) -> list[ServiceStatus]:
        """Stop everything in reverse order. Idempotent."""

    def status(self) -> list[ServiceStatus]:
        """Describe every service, also those that do not run."""
