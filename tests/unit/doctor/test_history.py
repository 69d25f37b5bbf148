from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

import pytest
from django.test import Client

from doctor import history
from doctor.models import Span
from mosaic_admin.access import Role
from mosaic_admin.people.models import User
from tests.unit.doctor.conftest import BAD, GOOD, NOON, SOSO, ReportAt

pytestmark = pytest.mark.django_db


def test_equal_reports_lengthen_one_span_and_keep_the_newest_body(report_at: ReportAt) -> None:
    for minute in range(4):
        history.record(report_at(minute))
    (span,) = Span.objects.all()
    assert (span.runs, span.started_at, span.seen_at) == (4, NOON, NOON + timedelta(minutes=3))
    assert span.body["generated_at"].startswith("2026-11-24T12:03")


def test_a_change_of_state_or_version_begins_a_span(report_at: ReportAt) -> None:
    history.record(report_at(0))
    history.record(report_at(1, SOSO))
    history.record(report_at(2, SOSO, version="17.7"))
    assert Span.objects.count() == 3


def test_a_silence_ends_a_span(report_at: ReportAt) -> None:
    history.record(report_at(0))
    history.record(report_at(20))
    assert Span.objects.count() == 2


def test_a_late_older_report_does_not_turn_the_clock_back(report_at: ReportAt) -> None:
    history.record(report_at(2))
    history.record(report_at(1))
    span = history.latest()
    assert span is not None
    assert span.seen_at == NOON + timedelta(minutes=2)


def test_since_follows_the_root_cause_over_other_changes_and_stops_at_a_gap(report_at: ReportAt) -> None:
    history.record(report_at(0))
    history.record(report_at(1, BAD))
    history.record(report_at(2, BAD, SOSO))
    newest = history.record(report_at(3, BAD))
    assert history.since(newest) == NOON + timedelta(minutes=1)
    later = history.record(report_at(60, BAD))
    assert history.since(later) == NOON + timedelta(minutes=60)


def test_the_status_word_is_unknown_when_nobody_looked_lately(report_at: ReportAt) -> None:
    assert history.status_word(NOON) == "unknown"
    history.record(report_at(0, BAD))
    assert history.status_word(NOON + timedelta(minutes=2)) == "red"
    assert history.status_word(NOON + timedelta(minutes=4)) == "unknown"


def test_ticks_show_the_worst_of_each_half_hour_and_where_nobody_looked(report_at: ReportAt) -> None:
    history.record(report_at(-40))
    history.record(report_at(-39, BAD))
    history.record(report_at(-38))
    history.record(report_at(-1, SOSO))
    bars = history.ticks(NOON)
    assert len(bars) == 48
    assert [bar.light for bar in bars[-3:]] == ["", "red", "yellow"]


def test_since_green_names_what_changed_and_what_did_not(report_at: ReportAt) -> None:
    history.record(report_at(0, version="17.6"))
    span = history.record(report_at(1, BAD, version="17.7"))
    compared = history.since_green(span)
    assert compared is not None
    assert compared.changes == (history.Change("postgres", "17.6", "17.7"),)
    assert compared.same == ("postgres address 127.0.0.1:5433/mosaic",)
    assert history.since_green(history.record(report_at(2, GOOD))) is None


def test_a_library_that_went_away_is_a_change_and_one_nobody_could_ask_for_is_not() -> None:
    service = {"name": "pgvector", "status": "pass", "version": "0.8.6", "endpoint": "h", "available": "0.8.6"}
    gone = {**service, "status": "fail", "available": None}
    waiting = {**service, "status": "skip", "available": None}
    changes = {change.what: (change.before, change.after) for change in history._compare(body(service), body(gone))}
    assert changes["pgvector library"] == ("0.8.6", "none")
    assert "pgvector library" not in {change.what for change in history._compare(body(service), body(waiting))}


def body(service: Mapping[str, object]) -> dict[str, object]:
    return {"services": [service]}


def test_history_is_bounded(report_at: ReportAt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEEP_ROWS", 3)
    for minute in range(6):
        history.record(report_at(minute, GOOD if minute % 2 else BAD))
    assert Span.objects.count() == 3
    history.record(report_at(60 * 24 * 91))
    assert Span.objects.count() == 1


def test_a_pollers_equal_report_a_moment_later_is_not_written_and_a_changed_one_is(report_at: ReportAt) -> None:
    for second in (0, 1, 2, 20):
        span = history.record(report_at(second / 60), is_polled=True)
    assert span.runs == 2
    assert history.record(report_at(21 / 60, BAD), is_polled=True).light == "red"
    assert history.record(report_at(22 / 60, BAD)).runs == 2, "somebody who asks on the page sees when it was"


def test_the_history_has_pages_and_filters_that_are_in_the_address(
    report_at: ReportAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE_SIZE", 2)
    for minute in range(5):
        history.record(report_at(minute, BAD if minute % 2 else SOSO))
    client = Client()
    client.force_login(User.objects.create(username="sam", role=Role.SUPPORT))
    numbers, address = [], "/doctor/history/"
    while address:
        page = client.get(address).content.decode()
        numbers += [int(number) for number in re.findall(r"/doctor/history/(\d+)/", page)]
        older = re.search(r'href="(\?before=[^"]+)"', page)
        address = f"/doctor/history/{older[1]}" if older else ""
    assert numbers == sorted((span.pk for span in Span.objects.all()), reverse=True)
    red = client.get("/doctor/history/?light=red&since=2026-11-24&until=2026-11-24").content.decode()
    assert len(re.findall(r"/doctor/history/\d+/", red)) == 2
    assert "No stretch fits" in client.get("/doctor/history/?until=2026-11-23").content.decode()
    assert client.get("/doctor/history/?light=mauve").status_code == 422
