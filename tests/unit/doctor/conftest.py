from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from doctor import codes
from doctor.findings import Finding, failed, passed, warned
from doctor.probe import Service
from doctor.report import Report
from doctor.runner import run_probes
from tests.unit.doctor.probes_for_tests import Scripted

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
GOOD = passed("fine")
BAD = failed(
    codes.PGV_LIBRARY_MISSING, "The library is missing.", "Install it.", "apt-get install x", ("Found", "no row")
)
SOSO = warned(codes.VK_NOT_PERSISTENT, "Keeps nothing.", "Turn it on.", "valkey-cli CONFIG SET appendonly yes")

ReportAt = Callable[..., Report]


@pytest.fixture
def report_at() -> ReportAt:
    """Return `report_at(minutes, *findings)`: a report of PostgreSQL, made that many minutes after noon."""

    def make(minutes: float, *findings: Finding, version: str = "17.6", at: datetime = NOON) -> Report:
        probes = [Scripted(f"p{number}", lambda _, item=item: item) for number, item in enumerate(findings or (GOOD,))]  # type: ignore[misc]
        waiting = [Scripted("q", requires=("p0",))]
        services = [Service("postgres", endpoint="127.0.0.1:5433/mosaic")]
        report = run_probes([*probes, *waiting], tier="federated", services=services)
        seen = tuple(replace(service, version=version) for service in report.services)
        return replace(report, services=seen, generated_at=at + timedelta(minutes=minutes))

    return make
