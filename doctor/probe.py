"""The shape of a probe, and what the probes of one ladder share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from doctor import codes
from doctor.findings import Finding
from mosaic_admin.codes import Code

Resource = TypeVar("Resource")
LADDER_S = 5.0  # the limit for everything that is asked of one service
PROBE_APPLICATION = "mosaic-doctor"  # how a probe's connection names itself in pg_stat_activity


@runtime_checkable
class Probe(Protocol):
    """One question to one service.

    `name` is unique in a report. `requires` names probes whose trouble makes this one pointless. Probes of the same
    `ladder` run one after the other on one thread and share a `Context`. A probe writes nothing.
    """

    @property
    def name(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def ladder(self) -> str: ...
    @property
    def requires(self) -> tuple[str, ...]: ...
    @property
    def timeout_code(self) -> Code: ...

    def run(self, context: Context) -> Finding | list[Finding]: ...


@dataclass(frozen=True)
class BaseProbe:
    """A probe whose names are written once, in its class; subclasses add the fields they ask with."""

    name: ClassVar[str]
    service: ClassVar[str]
    ladder: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    timeout_code: ClassVar[Code] = codes.PROBE_TIMEOUT

    def run(self, context: Context) -> Finding | list[Finding]:
        raise NotImplementedError


@dataclass(frozen=True)
class Service:
    """A service of the report: `endpoint` is what may be shown of its address; `facts` stand until a probe learns."""

    name: str
    required: bool = True
    endpoint: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Context:
    """What the probes of one ladder share: the time left, the one connection, the facts learned about services."""

    deadline: float
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    _resources: dict[str, tuple[Any, Callable[[], None]]] = field(default_factory=dict)
    _aborts: list[Callable[[], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_over: bool = False

    def remaining_s(self) -> float:
        """Return the seconds left for this ladder, at least 0.05 (zero means "for ever" to some drivers)."""
        return max(0.05, self.deadline - time.monotonic())

    def keep(self, name: str, resource: Any, *, close: Callable[[], None], abort: Callable[[], None]) -> None:
        """Share `resource` with the probes after this one. `abort` may be called from another thread to wake a
        probe that hangs in it; `close` is called on the ladder's own thread when it ends."""
        with self._lock:
            self._resources[name] = (resource, close)
            self._aborts.append(abort)
            is_over = self._is_over
        if is_over:  # the report was given up while the connection came up
            abort()

    def get(self, name: str, kind: type[Resource]) -> Resource:
        """Return what an earlier probe kept; probes that need it list that probe in `requires`."""
        resource = self._resources[name][0]
        if not isinstance(resource, kind):
            raise TypeError(f"The ladder's {name} is no {kind.__name__}.")
        return resource

    def find(self, name: str, kind: type[Resource]) -> Resource | None:
        """Return what an earlier probe kept, or None when it did not come to that."""
        return self.get(name, kind) if name in self._resources else None

    def learn(self, service: str, **facts: Any) -> None:
        """Note what a service said of itself: version; for pgvector also available and installed."""
        with self._lock:
            self.facts.setdefault(service, {}).update(facts)

    def abort(self) -> None:
        """Wake a probe that hangs: without this a server that never answers would collect our threads."""
        with self._lock:
            self._is_over = True
            aborts = list(self._aborts)
        for wake in aborts:
            wake()

    def close(self) -> None:
        for _, close in self._resources.values():
            close()
