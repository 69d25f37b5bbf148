"""The tier switch, the lines of answer times, the history, and the support bundle."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from doctor import history, latency
from doctor.models import Sample, Span
from mosaic_admin.access import Role
from mosaic_admin.audit.models import AuditEvent
from mosaic_admin.bundle import config_shape
from mosaic_admin.people.models import User
from tests.unit.doctor.conftest import BAD, SOSO, ReportAt

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="rita", role=Role.SUPPORT))
    return client


@pytest.fixture(autouse=True)
def _no_config(settings: Any, tmp_path: Path) -> None:
    settings.ENV = settings.ENV.model_copy(update={"config": tmp_path / "mosaic.config.json"})
    settings.HOME = tmp_path / "home"


def test_the_tier_switch_asks_about_another_tier_and_keeps_nothing(reader: Client) -> None:
    html = reader.get("/doctor/?tier=federated").content.decode()
    assert "Asked about the tier federated" in html
    assert "A move to the tier federated cannot start like this." in html
    assert "mosaic doctor --tier federated --short" in html
    assert "mosaic gateway start" not in html
    assert 'aria-current="page">federated?</a>' in html
    assert "hx-trigger" not in html.split('id="doctor-live"')[1].split(">")[0], "a move must not be probed every 15 s"
    assert not Span.objects.exists()
    fragment = reader.post("/doctor/check/", {"tier": "federated"}, headers={"HX-Request": "true"})
    assert "Asked about the tier federated" in fragment.content.decode()
    assert reader.post("/doctor/check/", {"tier": "federated"})["Location"] == "/doctor/?tier=federated"


def test_a_word_that_is_no_tier_shows_this_install(reader: Client, report_at: ReportAt) -> None:
    history.record(report_at(0, BAD, at=timezone.now()))
    assert "Asked about the tier" not in reader.get("/doctor/?tier=<script>").content.decode()


def test_the_page_takes_the_status_of_the_api_when_it_is_asked_to(reader: Client, report_at: ReportAt) -> None:
    history.record(report_at(0, SOSO, at=timezone.now()))
    statuses = [reader.get(f"/doctor/{query}").status_code for query in ("", "?fail_on=fail", "?fail_on=warn")]
    assert statuses == [200, 200, 503]


def test_each_service_has_its_line_with_the_numbers_beside_it(reader: Client, report_at: ReportAt) -> None:
    now = timezone.now()
    for minute, took in ((-3, 20), (-2, 60), (-1, 40)):
        Sample.objects.create(at=now + timedelta(minutes=minute), took_ms={"postgres": took})
    spark = latency.sparks(now)["postgres"]
    heights = [float(point.split(",")[1]) for point in spark.points.split()]
    assert heights[1] == min(heights) == 1.0  # the peak is at the top
    assert (spark.now, spark.peak) == (0.04, 0.06)
    history.record(report_at(0, at=now))
    html = reader.get("/doctor/").content.decode()
    assert re.search(r'<polyline points="[\d., ]+" />', html)
    assert "peak 60 ms" in html


def test_samples_are_one_in_half_a_minute_and_kept_for_a_day(report_at: ReportAt) -> None:
    for minute in (0, 0.2, 1):
        history.record(report_at(minute))
    assert Sample.objects.count() == 2
    history.record(report_at(60 * 25))
    assert Sample.objects.count() == 1


def test_the_history_leads_to_each_report_as_it_was(reader: Client, report_at: ReportAt) -> None:
    spans = [history.record(report_at(minute, *finding)) for minute, finding in ((0, ()), (1, (BAD,)), (2, ()))]
    html = reader.get("/doctor/history/").content.decode()
    assert html.count("/doctor/history/") >= 3
    assert "MOS-PGV-001" in html
    past = reader.get(f"/doctor/history/{spans[1].pk}/").content.decode()
    assert "The library is missing." in past
    assert "apt-get install x" in past
    assert reader.get("/doctor/history/404/").status_code == 404


def test_the_bundle_holds_what_helps_and_says_what_it_leaves_out(
    reader: Client, report_at: ReportAt, settings: Any
) -> None:
    history.record(report_at(0, BAD, at=timezone.now()))
    settings.ENV.config.write_text('{"tier": "federated", "storage": {"url": "postgresql://u:canary-pw@h:1/d"}}')
    answer = reader.get("/doctor/bundle/")
    assert answer["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(files) == {
        *("README.txt", "report.json", "report.txt", "history.json", "config.json", "gateway.json", "jobs.json"),
        "versions.json",
    }
    assert json.loads(files["report.json"])["summary"]["root_cause"] == "MOS-PGV-001"
    assert "MOS-PGV-001" in files["report.txt"]
    assert json.loads(files["config.json"])["storage"] == {"url": "postgresql://h:1/d"}
    assert "canary" not in "".join(files.values())
    assert AuditEvent.objects.filter(action="doctor.bundle").count() == 1
    assert [reader.head("/doctor/bundle/").status_code, reader.post("/doctor/bundle/").status_code] == [405, 405]
    assert AuditEvent.objects.filter(action="doctor.bundle").count() == 1


def test_the_shape_of_a_configuration_shows_kinds_instead_of_values(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(
        json.dumps({"version": 1, "tier": "local", "storage": {"type": "pglite", "dataDir": "/home/canary"}, "x": [1]})
    )
    shape = {"version": 1, "tier": "local", "storage": {"type": "pglite", "dataDir": "str"}, "x": ["int"]}
    assert config_shape(path) == shape
    path.write_text("{")
    assert config_shape(path) == "missing, or not readable as JSON"
