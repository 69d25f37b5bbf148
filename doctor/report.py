"""The one result object behind every face of the doctor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from doctor.findings import SEVERITY, Finding, Status

SCHEMA_VERSION = "1"


class Light(StrEnum):
    """The verdict on an install: red has a failure, yellow a warning or something unknown."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True)
class ServiceReport:
    """One service: `facts` adds `available` and `installed` for pgvector."""

    name: str
    required: bool
    status: Status
    version: str | None
    endpoint: str
    duration_ms: int
    facts: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "required": self.required,
            "status": self.status.value,
            "version": self.version,
            "endpoint": self.endpoint,
            "duration_ms": self.duration_ms,
            **self.facts,
        }


@dataclass(frozen=True)
class Report:
    """Everything the doctor found in one run, root causes first."""

    tier: str | None
    services: tuple[ServiceReport, ...]
    findings: tuple[Finding, ...]
    generated_at: datetime
    duration_ms: int

    @property
    def finished_at(self) -> datetime:
        return self.generated_at + timedelta(milliseconds=self.duration_ms)

    @property
    def status(self) -> Light:
        return light_of(finding.counted for finding in self.findings)

    @property
    def root_causes(self) -> tuple[Finding, ...]:
        """The failures that count; what waits because of them is skipped and not among them."""
        return tuple(finding for finding in self.findings if finding.counted is Status.FAIL)

    @property
    def root_cause(self) -> Finding | None:
        return next(iter(self.root_causes), None)

    @property
    def put_aside(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.suppressed)

    def is_failing(self, fail_on: str = "fail") -> bool:
        """Say whether a script asked to stop at `fail_on` (`warn` or `fail`) should stop."""
        return self.status is Light.RED or (fail_on == "warn" and self.status is Light.YELLOW)

    def exit_code(self, fail_on: str = "fail") -> int:
        """Return 0 for green (and yellow), 1 for yellow when `fail_on` is `warn`, 2 for red."""
        if self.status is Light.RED:
            return 2
        return 1 if self.is_failing(fail_on) else 0

    def summary(self) -> dict[str, Any]:
        counts = Counter(finding.status for finding in self.findings)
        root = self.root_cause
        return {
            "text": self._sentence(),
            "root_cause": root.code.id if root and root.code else None,
            **{status.value: counts[status] for status in Status},
            "suppressed": len(self.put_aside),
        }

    def _sentence(self) -> str:
        trouble = [finding for finding in self.findings if SEVERITY[finding.counted] < SEVERITY[Status.SKIP]]
        aside = f" {len(self.put_aside)} suppressed." if self.put_aside else ""
        if not trouble:
            return f"Everything {'else ' if aside else ''}that was asked is in order.{aside}"
        more = len(trouble) - 1
        tail = f" And {more} more." if more else ""
        return f"{trouble[0].as_dict()['message']}{tail}{aside}"

    def as_dict(self) -> dict[str, Any]:
        """Return the published JSON document (doctor/schema/report-1.json), made once: nobody changes it."""
        return self._document

    @cached_property
    def _document(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "tier": self.tier,
            "status": self.status.value,
            "generated_at": self.generated_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "duration_ms": self.duration_ms,
            "summary": self.summary(),
            "services": [service.as_dict() for service in self.services],
            "findings": [finding.as_dict() for finding in self.findings],
        }


def light_of(statuses: Iterable[Status]) -> Light:
    """Return red for any failure, yellow for any warning or unknown, else green."""
    seen = set(statuses)
    if Status.FAIL in seen:
        return Light.RED
    return Light.YELLOW if seen & {Status.WARN, Status.UNKNOWN} else Light.GREEN


def worst(statuses: Iterable[Status]) -> Status:
    """Return a service's status. What does not apply (skip) does not hide that the rest passes."""
    ranked = sorted(statuses, key=lambda status: SEVERITY[status])
    return ranked[0] if ranked else Status.UNKNOWN


def service_status(findings: Iterable[Finding]) -> Status:
    """Return the status of one service. A check that does not apply here does not hide that the others pass."""
    relevant = [f for f in findings if f.status is not Status.SKIP or f.caused_by is not None]
    return worst(finding.status for finding in relevant) if relevant else Status.SKIP


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort trouble first, keeping the order of the ladders within each status."""
    return tuple(sorted(findings, key=lambda finding: SEVERITY[finding.counted]))
