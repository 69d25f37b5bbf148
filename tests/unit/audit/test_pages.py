"""The audit log's page, its filters, its pages by key and its exports."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from mosaic_admin.access import Role
from mosaic_admin.audit import search
from mosaic_admin.audit.models import Action, AuditEvent
from mosaic_admin.audit.search import PAGE_SIZE, Filter, find_all, find_page
from mosaic_admin.audit.services import record
from mosaic_admin.paging import Cursor, older_than
from mosaic_admin.people.models import User

START = datetime(2026, 11, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def fill(number: int, **values: Any) -> None:
    """Write events a minute apart; every third at the same instant as the one before."""
    AuditEvent.objects.bulk_create(
        AuditEvent(
            at=START + timedelta(minutes=item - (item % 3 == 2)),
            **{"who": "olga", "action": Action.STACK_UP, "subject": f"stack {item}", "channel": "web", **values},
        )
        for item in range(number)
    )


@pytest.fixture
def support() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="sam", role=Role.SUPPORT))
    return client


def test_the_page_says_who_what_when_and_from_where(support: Client) -> None:
    olga = User.objects.create(username="olga", role=Role.OPERATOR)
    record(
        Action.CONFIG_EDIT, "home", link="/tiers/3/", person=olga, why="bigger disk",
        before={"tier": "local", "url": "postgresql://u:canary-1234@h/d"}, after={"tier": "standalone"},
    )  # fmt: skip
    page = support.get("/audit/").content.decode()
    for words in ("olga", "operator", "Edited a configuration", '<a href="/tiers/3/">home</a>', "bigger disk", "UTC"):
        assert words in page
    assert "<del>  &quot;tier&quot;: &quot;local&quot;" in page
    assert "<ins>  &quot;tier&quot;: &quot;standalone&quot;" in page
    assert "canary-1234" not in page


def test_pages_by_key_show_each_event_once_in_order(support: Client) -> None:
    fill(PAGE_SIZE * 2 + 7)
    seen: list[int] = []
    address = "/audit/"
    while address:
        context = support.get(address).context
        seen += [event.pk for event, _ in context["rows"]]
        address = f"/audit/?{context['older']}" if context["older"] else ""
    assert len(seen) == PAGE_SIZE * 2 + 7
    assert seen == list(AuditEvent.objects.order_by("-at", "-id").values_list("pk", flat=True))


def test_what_is_written_while_somebody_reads_moves_no_page() -> None:
    fill(PAGE_SIZE + 5)
    first = find_page(Filter())
    record(Action.STACK_DOWN, "newer")
    second = find_page(Filter(), first.older)
    shown = [event.pk for event in (*first.rows, *second.rows)]
    assert len(set(shown)) == len(shown) == PAGE_SIZE + 5


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("who=olga", 10), ("who=omar", 4), ("who=Olga", 0), ("action=stack.up", 10), ("action=token.create", 4),
        ("who=omar&action=stack.up", 0), ("since=2026-11-01&until=2026-11-01", 10), ("since=2026-11-02", 4),
        ("until=2026-10-31", 0), ("before=nonsense", 14), ("before=2026-11-01T12:00:00.000000_x", 14),
    ],
)  # fmt: skip
def test_filters_by_person_action_and_day(support: Client, query: str, count: int) -> None:
    fill(10)
    AuditEvent.objects.bulk_create(
        AuditEvent(at=START + timedelta(days=1), who="omar", action=Action.TOKEN_CREATE, subject="ci") for _ in range(4)
    )
    response = support.get(f"/audit/?{query}")
    assert response.status_code == 200
    assert len(response.context["rows"]) == count


@pytest.mark.parametrize("query", ["since=yesterday", "action=stack.explode"])
def test_a_filter_that_is_none_is_named(support: Client, query: str) -> None:
    response = support.get(f"/audit/?{query}")
    assert response.status_code == 422
    assert "Everything is shown." in response.content.decode()


def test_the_page_needs_the_same_few_queries_for_many_events(
    support: Client, django_assert_max_num_queries: Any
) -> None:
    fill(5)
    with django_assert_max_num_queries(20) as few:
        support.get("/audit/")
    fill(PAGE_SIZE * 3)
    with django_assert_max_num_queries(len(few)):
        support.get("/audit/")


FILTERS = [
    Filter(), Filter(who="olga"), Filter(action="stack.up"), Filter(who="olga", action="stack.up"),
    Filter(since=START.date(), until=START.date()), Filter(who="olga", since=START.date()),
]  # fmt: skip


@pytest.mark.parametrize("wanted", FILTERS)
@pytest.mark.parametrize("before", [None, Cursor(START, 7)])
def test_every_page_is_read_off_an_index(wanted: Filter, before: Cursor | None) -> None:
    rows = older_than(wanted.events(), before)[: PAGE_SIZE + 1]
    if connection.vendor == "postgresql":  # its planner would read a small table whole: ask what the indexes allow
        with connection.cursor() as cursor:
            for way in ("seqscan", "bitmapscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
        plan = rows.explain()
        assert "Index Scan" in plan
        assert "Sort" not in plan
        return
    plan = rows.explain()
    assert "USING INDEX audit_" in plan
    assert "TEMP B-TREE" not in plan
    assert "SCAN" not in plan or (wanted.is_empty() and before is None)


def body(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def test_the_csv_has_every_event_and_no_formula(support: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "EXPORT_BATCH", 10)
    fill(25)
    record(Action.CONFIG_EDIT, '=HYPERLINK("http://evil")', why="two\nlines", before={"a": 1}, after={"a": 2})
    response = support.get("/audit/export.csv")
    assert 'filename="mosaic-audit-' in response["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(body(response))))
    assert len(rows) == 27  # the export itself is an event
    assert {row["action"] for row in rows} == {"stack.up", "configuration.edit", "audit.export"}
    edit = next(row for row in rows if row["action"] == "configuration.edit")
    assert edit["subject"].startswith("'=")
    assert (edit["why"], json.loads(edit["before"])) == ("two\nlines", {"a": 1})
    assert rows[-1]["at"] == "2026-11-01T12:00:00Z"


def test_the_json_is_one_array_and_keeps_the_filter(support: Client) -> None:
    fill(3)
    fill(2, who="omar")
    events = json.loads(body(support.get("/audit/export.json?who=omar")))
    assert [event["who"] for event in events] == ["omar", "omar"]
    assert set(events[0]) >= {"at", "who", "role", "channel", "address", "action", "subject", "before", "after"}
    noted = AuditEvent.objects.get(action="audit.export")
    assert (noted.who, noted.after) == ("sam", {"filter": "who=omar"})


def test_an_export_of_nothing_is_still_valid(support: Client) -> None:
    assert json.loads(body(support.get("/audit/export.json?who=nobody-at-all"))) == []


def test_an_export_holds_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any) -> None:
    monkeypatch.setattr(search, "EXPORT_BATCH", 10)
    fill(25)
    with django_assert_num_queries(4):
        assert len(list(find_all(Filter()))) == 25


@pytest.mark.parametrize("path", ["/audit/", "/audit/export.csv", "/audit/export.json"])
def test_nobody_reads_it_without_signing_in(path: str) -> None:
    assert Client().get(path).status_code == 302


def test_an_action_of_a_newer_version_shows_as_its_word(support: Client) -> None:
    fill(1, action="galaxy.move")
    assert "galaxy.move" in support.get("/audit/").content.decode()


def test_the_last_day_of_all_is_a_day(support: Client) -> None:
    assert support.get("/audit/?until=9999-12-31").status_code == 200


def test_an_export_with_a_misspelt_filter_hands_out_nothing(support: Client) -> None:
    answer = support.get("/audit/export.csv?action=person.joyn")
    assert answer.status_code == 422
    assert "attachment" not in answer.headers.get("Content-Disposition", "")
