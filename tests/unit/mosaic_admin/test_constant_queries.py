"""Each list asks the database the same number of questions for three rows and for three hundred."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from compose.models import StackAction
from doctor.models import Delivery, Span, Suppression, Webhook
from migration.models import JobState, MigrationEvent, MigrationJob, MigrationSample, RunWords
from mosaic_admin.access import Role
from mosaic_admin.audit.models import Action, AuditEvent
from mosaic_admin.people.models import ApiToken, User
from tests.unit.doctor.conftest import BAD, ReportAt
from tests.unit.doctor.conftest import report_at as report_at
from tiers.models import RevisionAction, TierConfig, TierConfigRevision

pytestmark = pytest.mark.django_db

LISTS = (
    "/", "/strip/", "/audit/", "/audit/?who=person-1&action=stack.up", "/audit/export.csv", "/audit/export.json",
    "/migrations/", "/migrations/?q=needle", "/migrations/?days=&q=%231&state=verified&tier=local&person=person",
    "/migrations/?days=&state=interrupted", "/migrations/runs.csv?days=", "/migrations/runs.json?days=",
    "/migrations/1/", "/migrations/1/events", "/migrations/compare?a=1&b=2", "/api/v1/migrations?days=",
    "/api/v1/migrations/1/events", "/doctor/", "/doctor/history/", "/doctor/history/?light=red&since=2020-01-01",
    "/doctor/codes/MOS-PG-002/", "/doctor/webhooks/", "/people/", "/people/?q=person", "/people/tokens/",
    "/people/tokens/?q=ci", "/tiers/", "/tiers/{config}/", "/stack/", "/gateway/",
)  # fmt: skip


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="root", role=Role.ADMIN))
    return client


@pytest.fixture
def config() -> TierConfig:
    return TierConfig.objects.create(name="home", tier="local", document={"version": 1, "tier": "local"})


def fill(config: TierConfig, body: dict[str, Any], begin: int, end: int) -> None:
    """Write rows `begin` to `end` of everything that is listed."""
    numbers, now = range(begin, end), timezone.now()
    when = {number: now - timedelta(minutes=end - number) for number in numbers}
    people = User.objects.bulk_create(User(username=f"person-{number}", password="!") for number in numbers)
    ApiToken.objects.bulk_create(
        ApiToken(name=f"ci-{number}", prefix="m", digest=str(number), created_by=people[number - begin])
        for number in numbers
    )
    AuditEvent.objects.bulk_create(
        AuditEvent(at=when[number], action=Action.STACK_UP, who="person-1", channel="web", subject="s")
        for number in numbers
    )
    TierConfigRevision.objects.bulk_create(
        TierConfigRevision(config=config, number=number, action=RevisionAction.EDIT, who="p", before={}, after={})
        for number in numbers
    )
    TierConfig.objects.bulk_create(TierConfig(name=f"c{n}", tier="local", document={}) for n in numbers[:5])
    fill_doctor(numbers, body)
    fill_runs(numbers, people)


def fill_doctor(numbers: range, body: dict[str, Any]) -> None:
    now = timezone.now()
    Span.objects.bulk_create(
        Span(
            fingerprint=str(number), light="red", root_code=f"MOS-PG-00{number % 2}", body=body, tier="local",
            started_at=now - timedelta(minutes=number + 1), seen_at=now - timedelta(minutes=number),
        )
        for number in numbers
    )  # fmt: skip
    Suppression.objects.bulk_create(
        Suppression(code="MOS-PG-002", service="postgres", reason="known", by="p", until=now + timedelta(days=1))
        for _ in numbers
    )
    for hook in Webhook.objects.bulk_create(Webhook(target=f"h{number}", sealed="", by="p") for number in numbers):
        Delivery.objects.create(webhook=hook, event="e", body={"event": "e"})


def fill_runs(numbers: range, people: list[User]) -> None:
    jobs = MigrationJob.objects.bulk_create(
        MigrationJob(
            number=number, state=JobState.VERIFIED, source_document={}, target_document={}, source_tier="local",
            created_by=people[0], created_by_name="person-1", plan_hash=f"{number:064}",
        )
        for number in numbers
    )  # fmt: skip
    RunWords.objects.bulk_create(RunWords(job=job, text="needle") for job in jobs)
    first = MigrationJob.objects.get(number=1)
    MigrationEvent.objects.bulk_create(MigrationEvent(job=first, message="m") for _ in numbers)
    MigrationSample.objects.bulk_create(
        MigrationSample(job=first, at=timezone.now(), bytes_done=1, rows_done=1, rate=1) for _ in numbers
    )
    StackAction.objects.bulk_create(StackAction(verb="up", project="mosaic", state="done") for _ in numbers)


def queries_of(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
        if isinstance(answer, StreamingHttpResponse):
            b"".join(answer.streaming_content)  # type: ignore[arg-type]
    assert answer.status_code == 200, address
    return [query["sql"] for query in queries]


def test_every_list_asks_as_often_for_300_rows_as_for_3(
    admin: Client, config: TierConfig, report_at: ReportAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOSAIC_STACK_RUNTIME", "embedded")
    body = report_at(0, BAD).as_dict()
    addresses = [address.format(config=config.pk) for address in LISTS]
    fill(config, body, 1, 4)
    for address in addresses:  # the first call may fill a cache
        queries_of(admin, address)
    few = {address: queries_of(admin, address) for address in addresses}
    fill(config, body, 4, 304)
    for address, asked in few.items():
        many = queries_of(admin, address)
        assert len(many) == len(asked), (address, many[:60])
