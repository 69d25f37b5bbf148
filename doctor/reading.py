"""A stored report as an object again: what another process found is rendered like what this one finds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from doctor.findings import Finding, Remediation, Status, Suppressed
from doctor.report import Report, ServiceReport
from mosaic_admin.codes import Code

_SERVICE_FIELDS = ("name", "required", "status", "version", "endpoint", "duration_ms")


def read_report(body: Mapping[str, Any], codes: Mapping[str, Code]) -> Report:
    """Return the report of a published document, without the evidence of its findings."""
    return Report(
        tier=body["tier"],
        services=tuple(_service(item) for item in body["services"]),
        findings=tuple(_finding(item, codes) for item in body["findings"]),
        generated_at=_time(body["generated_at"]),
        duration_ms=body["duration_ms"],
    )


def _service(item: Mapping[str, Any]) -> ServiceReport:
    known = {key: item[key] for key in _SERVICE_FIELDS if key != "status"}
    facts = {key: value for key, value in item.items() if key not in _SERVICE_FIELDS}
    return ServiceReport(status=Status(item["status"]), facts=facts, **known)


def _finding(item: Mapping[str, Any], codes: Mapping[str, Code]) -> Finding:
    remedy, aside = item["remediation"], item.get("suppressed")
    return Finding(
        status=Status(item["status"]),
        message=item["message"],
        code=codes.get(item["code"] or ""),
        remediation=Remediation(remedy["text"], remedy["command"]) if remedy else None,
        probe=item["probe"],
        service=item["service"],
        duration_ms=item["duration_ms"],
        caused_by=codes.get(item["caused_by"] or ""),
        suppressed=Suppressed(aside["reason"], aside["by"], _time(aside["until"])) if aside else None,
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
