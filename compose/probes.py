"""What the doctor asks of the compose stack: is it there, as it should be, and as its file says. It only looks.

The servers themselves have ladders of their own; this one tells a stack that was stopped, or that runs with an older
configuration, from a server that has trouble by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import ClassVar
from urllib.parse import urlsplit

from compose import codes
from compose.docker import DockerStack
from compose.docker.engine import EngineError
from compose.rotation import is_unfinished
from compose.runtime import ServiceState, StackStatus
from doctor.findings import Finding, failed, passed, skipped, warned
from doctor.probe import BaseProbe, Context, Probe
from mosaic_admin.codes import Code
from tiers.config import PostgresStorage, ResolvedConfig

UP = "mosaic stack up"
SAY_S = 0.3  # kept of the ladder's time to say that the engine hangs, and to end the command that does


def stack_probes(config: ResolvedConfig, runtime: object, *, port: int) -> list[Probe]:
    """Return the stack's probes when a configuration uses this host's stack in Docker, and none otherwise."""
    storage = config.storage
    if not isinstance(runtime, DockerStack) or not isinstance(storage, PostgresStorage) or not storage.enable_vector:
        return []
    parts = urlsplit(storage.url)
    if not _is_loopback(parts.hostname or "") or parts.port != port:
        return []
    return [StackRuns(runtime), StackIsPrivate(runtime), StackIsAsItsFileSays(runtime), PasswordsAreSettled(runtime)]


@dataclass(frozen=True)
class _StackProbe(BaseProbe):
    service: ClassVar[str] = "stack"
    ladder: ClassVar[str] = "stack"
    timeout_code: ClassVar[Code] = codes.ENGINE_HANGS

    runtime: DockerStack


@dataclass(frozen=True)
class Seen:
    """What the first probe saw, kept for the others: one look at the engine for all of them."""

    status: StackStatus


@dataclass(frozen=True)
class StackRuns(_StackProbe):
    """Both services are there and healthy."""

    name: ClassVar[str] = "stack.runs"

    def run(self, context: Context) -> Finding:
        try:
            status = self.runtime.status(within_s=context.remaining_s() - SAY_S)
        except EngineError as error:
            if error.code is codes.ENGINE_HANGS:
                raise
            return skipped(f"{error.message} The servers are asked by themselves.")
        context.keep("stack", Seen(status), close=_nothing, abort=_nothing)
        context.learn("stack", version=status.engine)
        if not status.is_up and not status.volumes:
            return skipped(f"No stack was ever started here under the name {self.runtime.project}.")
        ill = [service for service in status.services if service.state is not ServiceState.HEALTHY]
        if not ill:
            return passed(f"Both services of the stack {self.runtime.project} are healthy.")
        words = ", ".join(f"{service.name} is {service.state.value}" for service in ill)
        starting = all(service.state is ServiceState.STARTING for service in ill)
        if starting:
            return warned(
                codes.NOT_HEALTHY, f"{words}.", "Give it a moment; its log says what it does.", _logs(ill[0].name)
            )
        if not status.is_up:
            return failed(codes.STACK_DOWN, "The stack is stopped; its data is there.", "Start it.", UP)
        return failed(codes.NOT_HEALTHY, f"{words}.", "Start what is missing, or read its log.", UP)


@dataclass(frozen=True)
class StackIsPrivate(_StackProbe):
    """No port of a running service is offered to the network."""

    name: ClassVar[str] = "stack.ports"
    requires: ClassVar[tuple[str, ...]] = ("stack.runs",)

    def run(self, context: Context) -> Finding:
        status = _seen(context)
        if status is None or not status.is_up:
            return skipped("Nothing runs, so nothing is offered.")
        ports = [(service.name, port) for service in status.services for port in service.ports]
        offered = [
            (name, port) for name, port in ports if not _is_loopback(port.rpartition(" → ")[0].rpartition(":")[0])
        ]
        if not offered:
            return passed("The stack's ports are on loopback only.")
        words = ", ".join(f"{name} at {port}" for name, port in offered)
        return warned(
            codes.PORT_OFFERED,
            f"The network reaches the stack: {words}.",
            "Publish the ports on 127.0.0.1, as Mosaic's own file does, and start the stack again.",
            UP,
        )


@dataclass(frozen=True)
class StackIsAsItsFileSays(_StackProbe):
    """What runs was started from the configuration that would be applied now."""

    name: ClassVar[str] = "stack.configuration"
    requires: ClassVar[tuple[str, ...]] = ("stack.runs",)

    def run(self, context: Context) -> Finding:
        status = _seen(context)
        if status is None or not status.is_up:
            return skipped("Nothing runs, so nothing can differ from the file.")
        wanted = self.runtime.config_hashes(within_s=context.remaining_s() - SAY_S)
        running = [service for service in status.services if service.state.is_up and service.config_hash]
        changed = [service.name for service in running if wanted.get(service.name) != service.config_hash]
        if not changed:
            return passed("The stack runs as its file says.")
        return warned(
            codes.CONFIG_DRIFT,
            f"The configuration changed since it was started: {', '.join(changed)}.",
            "Look at it with `mosaic stack config`, then apply it; the volumes stay.",
            UP,
        )


@dataclass(frozen=True)
class PasswordsAreSettled(_StackProbe):
    """No change of passwords was cut short. It looks at files only, so it can tell why a sign-in is refused."""

    name: ClassVar[str] = "stack.passwords"

    def run(self, context: Context) -> Finding:
        if not is_unfinished(self.runtime.secrets):
            return passed("No change of the stack's passwords is under way.")
        return failed(
            codes.ROTATION_UNFINISHED,
            "A change of the stack's passwords was cut short: files and servers may hold different ones.",
            "Finish it; every session that is open goes on.",
            "mosaic stack rotate",
        )


def _seen(context: Context) -> StackStatus | None:
    try:
        return context.get("stack", Seen).status
    except KeyError:  # no engine, or no stack: the first probe said so
        return None


def _logs(service: str) -> str:
    return f"mosaic stack logs {service}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(re.sub(r"[\[\]]", "", host)).is_loopback
    except ValueError:
        return host == "localhost"


def _nothing() -> None:
    return None
