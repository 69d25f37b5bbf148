"""A finding put aside is shown, says why and until when, and does not count; then it returns by itself."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.test import Client
from django.utils import timezone
from jsonschema import Draft202012Validator

from doctor import history, suppressions
from doctor.formats import as_openmetrics, as_short, as_text
from doctor.models import Span, Suppression
from doctor.report import Light, Report
from doctor.schema import report_schema
from doctor.sharing import forget_shared_runs
from doctor.suppressing import Rule, read_rules, suppressed
from mosaic_admin import env
from mosaic_admin.access import Role
from mosaic_admin.audit.models import AuditEvent
from mosaic_admin.cli.doctor import command
from mosaic_admin.people.models import User
from mosaic_admin.wiring import ALL_CODES
from tests.unit.doctor.conftest import BAD, NOON, SOSO, ReportAt

pytestmark = pytest.mark.django_db
REASON = "The package comes on Monday."
MISSING = "MOS-CFG-002"  # what the doctor finds where there is no configuration file


@pytest.fixture(autouse=True)
def _no_config(settings: Any, tmp_path: Path) -> None:
    settings.ENV = settings.ENV.model_copy(update={"config": tmp_path / "mosaic.config.json"})
    settings.HOME = tmp_path / "home"


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="olga", role=Role.OPERATOR))
    return client


def rule(report: Report, minutes: float = 60) -> Rule:
    return Rule("MOS-PGV-001", "postgres", REASON, "olga", report.generated_at + timedelta(minutes=minutes))


def test_a_suppressed_failure_leaves_the_colour_to_the_rest_and_every_format_says_so(report_at: ReportAt) -> None:
    report = report_at(0, BAD)
    aside = suppressed(report, [rule(report)])
    assert (report.status, aside.status, aside.exit_code()) == (Light.RED, Light.GREEN, 0)
    assert aside.root_cause is None
    assert aside.summary()["text"] == "Everything else that was asked is in order. 1 suppressed."
    assert (aside.summary()["fail"], aside.summary()["suppressed"]) == (1, 1)
    Draft202012Validator(report_schema()).validate(aside.as_dict())
    finding = next(item for item in aside.as_dict()["findings"] if item["code"] == "MOS-PGV-001" and item["suppressed"])
    assert finding["suppressed"] == {"reason": REASON, "by": "olga", "until": "2026-11-24T13:00:00Z"}
    assert all(REASON in text for text in (as_short(aside), as_text(aside)))
    assert 'mosaic_doctor_suppressed{tier="federated"} 1' in as_openmetrics(aside)
    assert "mosaic_doctor_finding{" not in as_openmetrics(aside)


def test_another_failure_still_counts_and_an_expired_rule_covers_nothing(report_at: ReportAt) -> None:
    both = report_at(0, BAD, SOSO)
    assert suppressed(both, [rule(both)]).status is Light.YELLOW
    assert suppressed(both, [rule(both, minutes=0)]).status is Light.RED
    elsewhere = Rule("MOS-PGV-001", "valkey", REASON, "olga", NOON + timedelta(days=1))
    assert suppressed(both, [elsewhere]).status is Light.RED


def test_suppressing_needs_a_reason_and_an_end(operator: Client) -> None:
    for words in ({"reason": "known", "days": "7"}, {"reason": REASON, "days": "999"}, {"days": "7"}):
        answer = operator.post(f"/doctor/suppress/{MISSING}/config/", words)
        assert answer.status_code == 422
    assert not Suppression.objects.exists()
    with pytest.raises(suppressions.SuppressionError):
        suppressions.suppress(code=ALL_CODES[MISSING], service="config", reason=REASON, days=0, by="olga")


def test_page_and_api_and_command_turn_green_and_say_what_is_put_aside(operator: Client, settings: Any) -> None:
    assert operator.get("/api/v1/doctor").status_code == 503
    assert operator.get(f"/doctor/suppress/{MISSING}/config/").status_code == 200
    assert operator.post(f"/doctor/suppress/{MISSING}/config/", {"reason": REASON, "days": "7"}).status_code == 302
    assert operator.get("/api/v1/doctor").status_code == 200
    html = operator.get("/doctor/").content.decode()
    assert "Green, 1 suppressed" in html  # in the strip of every page
    assert REASON in html
    assert Span.objects.first().suppressed == 1  # type: ignore[union-attr]
    assert [item.code for item in read_rules(settings.HOME)] == [MISSING]
    event = AuditEvent.objects.get(action="doctor.suppress")
    assert (event.why, event.subject) == (REASON, f"{MISSING} at config")


def test_the_command_reads_what_the_dashboard_wrote_down(operator: Client, settings: Any, monkeypatch: Any) -> None:
    operator.post(f"/doctor/suppress/{MISSING}/config/", {"reason": REASON, "days": "7"})
    here = settings.ENV.model_copy(update={"home": settings.HOME})
    monkeypatch.setattr(env, "load", lambda: here)
    result = CliRunner().invoke(command, ["--json"])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["status"], report["summary"]["suppressed"]) == (0, "green", 1)


def test_an_expired_suppression_returns_by_itself_and_a_lifted_one_at_once(operator: Client, settings: Any) -> None:
    operator.post(f"/doctor/suppress/{MISSING}/config/", {"reason": REASON, "days": "1"})
    Suppression.objects.update(until=timezone.now() - timedelta(seconds=1))
    forget_shared_runs()
    assert operator.get("/api/v1/doctor").status_code == 503
    operator.post(f"/doctor/suppress/{MISSING}/config/", {"reason": REASON, "days": "1"})
    row = Suppression.objects.get(until__gt=timezone.now())
    assert operator.post(f"/doctor/suppressed/{row.pk}/lift/").status_code == 302
    assert operator.get("/api/v1/doctor").status_code == 503
    row.refresh_from_db()
    assert row.lifted_by == "olga"
    assert read_rules(settings.HOME) == []
    assert AuditEvent.objects.filter(action="doctor.unsuppress").count() == 1


def test_a_second_one_for_the_same_finding_replaces_the_first(operator: Client) -> None:
    for days in ("1", "30"):
        operator.post(f"/doctor/suppress/{MISSING}/config/", {"reason": REASON, "days": days})
    assert suppressions.active().count() == 1


def test_support_staff_see_what_is_put_aside_and_change_nothing(report_at: ReportAt) -> None:
    client = Client()
    client.force_login(User.objects.create(username="sue", role=Role.SUPPORT))
    history.record(report_at(0, BAD, at=timezone.now()))
    assert "Suppress…" not in client.get("/doctor/").content.decode()
    assert client.post(f"/doctor/suppress/{MISSING}/config/", {"reason": REASON, "days": "7"}).status_code == 403
