"""Findings that somebody has looked at and put aside for a while. Pure: no database, so the command line has it too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from doctor.findings import Finding, Suppressed
from doctor.report import Report, sort_findings
from mosaic_admin.private_files import write_private

FILE = Path("run") / "suppressions.json"  # below MOSAIC_HOME: what the command line reads instead of the database


@dataclass(frozen=True)
class Rule:
    """Put aside what has this code at this service, until then."""

    code: str
    service: str
    reason: str
    by: str
    until: datetime

    def covers(self, finding: Finding, now: datetime) -> bool:
        is_it = finding.code is not None and (finding.code.id, finding.service) == (self.code, self.service)
        return is_it and now < self.until

    def as_dict(self) -> dict[str, str]:
        return {**self.__dict__, "until": self.until.astimezone(UTC).isoformat()}


def suppressed(report: Report, rules: Sequence[Rule]) -> Report:
    """Return the report with the findings that the rules cover marked; they no longer count for its colour."""
    if not rules:
        return report
    findings = (_marked(finding, rules, report.generated_at) for finding in report.findings)
    return replace(report, findings=sort_findings(findings))


def _marked(finding: Finding, rules: Iterable[Rule], now: datetime) -> Finding:
    rule = next((rule for rule in rules if rule.covers(finding, now)), None)
    return replace(finding, suppressed=Suppressed(rule.reason, rule.by, rule.until)) if rule else finding


def read_rules(home: Path) -> list[Rule]:
    """Return what the dashboard last wrote down for the command line; nothing where it never did, or cannot be read."""
    try:
        rows = json.loads((home / FILE).read_text(encoding="utf-8"))
        return [Rule(**{**row, "until": datetime.fromisoformat(row["until"])}) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def write_rules(home: Path, rules: Sequence[Rule]) -> None:
    """Replace the file in one step. Raises OSError."""
    path = home / FILE
    text = json.dumps([rule.as_dict() for rule in rules], indent=1)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    write_private(path, text)
