"""What a probe says: one finding, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from doctor.codes import PROBE_CRASHED
from mosaic_admin.codes import Code
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact


class Status(StrEnum):
    """The state of one finding or one service."""

    PASS = "pass"  # noqa: S105 — a state, no password
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"
    UNKNOWN = "unknown"


# Trouble first: a reader of any format meets the root cause before its consequences.
SEVERITY = {Status.FAIL: 0, Status.UNKNOWN: 1, Status.WARN: 2, Status.SKIP: 3, Status.PASS: 4}


@dataclass(frozen=True)
class Remediation:
    """What to do: a sentence, and the exact command for this install where one exists."""

    text: str
    command: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"text": redact(self.text), "command": redact(self.command) if self.command else None}


@dataclass(frozen=True)
class Suppressed:
    """Somebody put the finding aside until then; it is shown and does not count for the colour."""

    reason: str
    by: str
    until: datetime

    def as_dict(self) -> dict[str, str]:
        until = self.until.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return {"reason": redact(self.reason), "by": self.by, "until": until}


@dataclass(frozen=True)
class Finding:
    """One sentence about one service. Probes fill the first five fields; the runner adds the rest.

    `evidence` are the facts behind it, as (label, value) pairs, for the page; it is not part of the JSON report.
    """

    status: Status
    message: str
    code: Code | None = None
    remediation: Remediation | None = None
    evidence: tuple[tuple[str, str], ...] = ()
    probe: str = ""
    service: str = ""
    duration_ms: int = 0
    caused_by: Code | None = None
    suppressed: Suppressed | None = None

    @property
    def counted(self) -> Status:
        """The status that colour and order go by: what is put aside counts as nothing."""
        return Status.SKIP if self.suppressed else self.status

    @property
    def is_blocking(self) -> bool:
        """Say whether probes that need this one cannot run. What a probe could merely not see stops nobody."""
        is_crash = self.status is Status.UNKNOWN and self.code is PROBE_CRASHED
        return self.status is Status.FAIL or is_crash or (self.status is Status.SKIP and self.caused_by is not None)

    @property
    def docs(self) -> str | None:
        code = self.code or self.caused_by
        return f"/doctor/codes/{code.id}/" if code else None

    def placed(self, *, probe: str, service: str, duration_ms: int) -> Finding:
        """Return the finding with its place in the report."""
        return replace(self, probe=probe, service=self.service or service, duration_ms=duration_ms)

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code.id if self.code else None,
            "probe": self.probe,
            "service": self.service,
            "status": self.status.value,
            "message": redact(self.message),
            "remediation": self.remediation.as_dict() if self.remediation else None,
            "docs": self.docs,
            "duration_ms": self.duration_ms,
            "caused_by": self.caused_by.id if self.caused_by else None,
            "suppressed": self.suppressed.as_dict() if self.suppressed else None,
        }


def passed(message: str, *evidence: tuple[str, str]) -> Finding:
    return Finding(Status.PASS, message, evidence=evidence)


def skipped(message: str) -> Finding:
    """Say that a check does not apply here. It counts as nothing."""
    return Finding(Status.SKIP, message)


def failed(code: Code, message: str, fix: str, command: str | None = None, *evidence: tuple[str, str]) -> Finding:
    return Finding(Status.FAIL, message, code, Remediation(fix, command), evidence)


def warned(code: Code, message: str, fix: str, command: str | None = None, *evidence: tuple[str, str]) -> Finding:
    return Finding(Status.WARN, message, code, Remediation(fix, command), evidence)


def unsure(code: Code, message: str, fix: str, command: str | None = None, *evidence: tuple[str, str]) -> Finding:
    return Finding(Status.UNKNOWN, message, code, Remediation(fix, command), evidence)


def from_error(error: MosaicError, status: Status = Status.FAIL) -> Finding:
    """Return an expected error as a finding: same code, same words as every other face.

    An error's `context["command"]`, when it has one, is the command to copy.
    """
    command = error.context.get("command")
    remedy = Remediation(error.remediation, command if isinstance(command, str) else None)
    evidence = tuple(
        (name.replace("_", " ").capitalize().replace("Sqlstate", "SQLSTATE"), str(value))
        for name, value in error.context.items()
        if name != "command" and isinstance(value, str | int | float)
    )
    return Finding(status, error.message, error.code, remedy, evidence)
