"""The report as text: JSON for scripts, short for a ticket, OpenMetrics for a monitor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from doctor.findings import Finding, Status
from doctor.report import Light, Report

OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
WORDS = {
    Status.PASS: "ok",
    Status.WARN: "WARN",
    Status.FAIL: "FAIL",
    Status.SKIP: "skip",
    Status.UNKNOWN: "UNKNOWN",
}


def as_json(report: Report) -> str:
    """Return the document for people to read as well; a program's own is `as_compact_json`, twenty times as fast."""
    return json.dumps(report.as_dict(), indent=2, ensure_ascii=False)


def as_compact_json(report: Report) -> str:
    return json.dumps(report.as_dict(), ensure_ascii=False)


def as_short(report: Report) -> str:
    """Return lines to paste: the light, each service, then only what wants attention with its fix."""
    head = f"{report.status.upper()} · tier {report.tier or 'unknown'} · {report.summary()['text']}"
    services = [f"  {WORDS[item.status]:<8}{item.name}{_version(item.version)}" for item in report.services]
    trouble = [line for item in report.findings for line in _short_finding(item)]
    waiting = sum(item.status is Status.SKIP and item.caused_by is not None for item in report.findings)
    tail = [f"{waiting} more checks wait because of that."] if waiting else []
    return "\n".join([head, *services, *trouble, *tail])


def _version(version: str | None) -> str:
    return f" {version}" if version else ""


def _short_finding(finding: Finding) -> Iterable[str]:
    data = finding.as_dict()
    if aside := data["suppressed"]:
        yield f"suppressed {data['code']} {finding.service} until {aside['until']}: {aside['reason']} ({aside['by']})"
        return
    if finding.status not in (Status.FAIL, Status.WARN, Status.UNKNOWN):
        return
    yield f"{data['code']} {finding.service}: {data['message']}"
    yield from _fix(finding)


def _fix(finding: Finding) -> Iterable[str]:
    remedy = finding.as_dict()["remediation"]
    if remedy:
        yield f"  Fix: {remedy['text']}"
        if remedy["command"]:
            yield f"  $ {remedy['command']}"


def as_text(report: Report) -> str:
    """Return every finding, trouble first: what the command prints when no format is asked for."""
    head = f"{report.status.upper()} · tier {report.tier or 'unknown'} · {_counts(report)} in {_seconds(report)}"
    lines = [head, ""]
    for finding in report.findings:
        data = finding.as_dict()
        code = f" [{data['code']}]" if data["code"] else ""
        aside = data["suppressed"]
        note = f" (suppressed until {aside['until']}: {aside['reason']})" if aside else ""
        lines.append(f"{WORDS[finding.status]:<8}{finding.service:<10} {data['message']}{code}{note}")
        lines.extend(f"        {line}" for line in _fix(finding))
    return "\n".join(lines)


def _counts(report: Report) -> str:
    summary = report.summary()
    words = {"fail": "failing", "unknown": "unknown", "warn": "warnings", "skip": "skipped", "pass": "pass"}
    return ", ".join(f"{summary[key]} {word}" for key, word in words.items() if summary[key]) or "no checks"


def _seconds(report: Report) -> str:
    return f"{report.duration_ms / 1000:.1f} s"


def as_openmetrics(report: Report) -> str:
    """Return the OpenMetrics text format, 1.0.0; every value is a gauge of the moment."""
    tier = {"tier": report.tier or "unknown"}
    lines = [
        *_family("mosaic_doctor_status", "The light as a state set.", "stateset"),
        *(_sample("mosaic_doctor_status", {**tier, "mosaic_doctor_status": light.value}, light is report.status)
          for light in Light),
        *_family("mosaic_doctor_duration_seconds", "How long the report took.", unit="seconds"),
        _sample("mosaic_doctor_duration_seconds", tier, report.duration_ms / 1000),
        *_family("mosaic_doctor_generated_timestamp_seconds", "When it was made.", unit="seconds"),
        _sample("mosaic_doctor_generated_timestamp_seconds", tier, report.generated_at.timestamp()),
        *_family("mosaic_doctor_service_up", "1 when no check of the service fails."),
        *(_sample("mosaic_doctor_service_up", {**tier, "service": item.name}, item.status in (Status.PASS, Status.WARN))
          for item in report.services),
        *_family("mosaic_doctor_findings", "Findings by status."),
        *(_sample("mosaic_doctor_findings", {**tier, "status": status.value}, report.summary()[status.value])
          for status in Status),
        *_family("mosaic_doctor_suppressed", "Findings that somebody put aside: they do not count for the light."),
        _sample("mosaic_doctor_suppressed", tier, len(report.put_aside)),
        *_family("mosaic_doctor_finding", "1 for each code that fails, warns or is unknown."),
        *_finding_samples(report, tier),
        "# EOF",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _finding_samples(report: Report, tier: Mapping[str, str]) -> Iterable[str]:
    rows = {
        (item.code.id, item.service, item.status.value): None
        for item in report.findings
        if item.code and item.counted is not Status.SKIP
    }
    for code, service, status in rows:  # one sample per label set: OpenMetrics allows no duplicates
        yield _sample("mosaic_doctor_finding", {**tier, "code": code, "service": service, "status": status}, 1)


def _family(name: str, text: str, kind: str = "gauge", unit: str = "") -> list[str]:
    unit_line = [f"# UNIT {name} {unit}"] if unit else []
    return [f"# TYPE {name} {kind}", *unit_line, f"# HELP {name} {text}"]


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items())
    number = int(value) if float(value).is_integer() else round(float(value), 3)
    return f"{name}{{{inside}}} {number}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


CONTENT_TYPES = {
    "json": "application/json",
    "short": "text/plain; charset=utf-8",
    "openmetrics": OPENMETRICS_TYPE,
    "text": "text/plain; charset=utf-8",
}
RENDERERS: dict[str, Callable[[Report], str]] = {
    "json": as_json,
    "short": as_short,
    "openmetrics": as_openmetrics,
    "text": as_text,
}
