"""The audit log: one call writes an event, and nothing changes one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import DatabaseError, models
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pydantic import ValidationError

from mosaic_admin.access import Role
from mosaic_admin.audit import actor, services
from mosaic_admin.audit.models import Action, AppendOnlyError, AuditEvent, Channel
from mosaic_admin.audit.services import record, record_if_possible
from mosaic_admin.env import Environment
from mosaic_admin.people.models import User
from mosaic_admin.redaction import MASK

CANARY = "zq7-audit-canary"

pytestmark = pytest.mark.django_db


def event() -> AuditEvent:
    return record(Action.STACK_UP, "stack mosaic", after={"services": ["postgres"]})


def test_a_worker_acts_as_mosaic_itself() -> None:
    noted = event()
    assert (noted.who, noted.channel, noted.address, noted.role) == ("mosaic", Channel.SYSTEM, "", "")


def test_a_request_names_the_person_the_role_and_the_address() -> None:
    olga = User.objects.create(username="olga", role=Role.OPERATOR)
    request = RequestFactory(REMOTE_ADDR="192.0.2.7").post("/stack/", headers={"x-forwarded-for": "203.0.113.9"})
    request.user = olga

    def view(_: HttpRequest) -> HttpResponse:
        event()
        return HttpResponse()

    actor.ActorMiddleware(view)(request)
    noted = AuditEvent.objects.get()
    assert (noted.who, noted.person, noted.role) == ("olga", olga, "operator")
    assert (noted.channel, noted.address) == (Channel.WEB, "192.0.2.7")
    assert actor.current_actor().who == "mosaic"


def test_a_person_who_is_named_wins_over_the_request() -> None:
    olga = User.objects.create(username="olga", role=Role.OPERATOR)
    assert record(Action.SIGN_IN, "olga", person=olga).who == "olga"


def test_a_command_names_the_account_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actor.getpass, "getuser", lambda: "deploy")
    actor.act_at_command_line()
    noted = event()
    assert (noted.who, noted.channel) == ("deploy (command line)", Channel.COMMAND)


@pytest.mark.parametrize(
    "value",
    [
        {"password": CANARY},
        {"url": f"postgresql://u:{CANARY}@h/d"},
        [f"redis://:{CANARY}@h/0", {"deep": f"host=h password='{CANARY}'"}],
        f"postgresql://h/d?password={CANARY}",
    ],
)
def test_no_secret_gets_into_the_log(value: Any) -> None:
    noted = record(Action.CONFIG_EDIT, str(value), before=value, after=value, why=str(value))
    kept = json.dumps([noted.before, noted.after, noted.why, noted.subject], ensure_ascii=False)
    assert CANARY not in kept
    assert MASK in kept


def change(noted: AuditEvent) -> None:
    noted.why = "never mind"
    noted.save()


CHANGES = {
    "save": change,
    "save with its number": lambda noted: AuditEvent(pk=noted.pk, who="x", action="x", subject="x").save(),
    "delete": lambda noted: noted.delete(),
    "update": lambda _: AuditEvent.objects.update(who="somebody"),
    "delete all": lambda _: AuditEvent.objects.all().delete(),
    "filtered delete": lambda _: AuditEvent.objects.filter(who="mosaic").delete(),
    "bulk_update": lambda noted: AuditEvent.objects.bulk_update([noted], ["who"]),
    "update_or_create": lambda _: AuditEvent.objects.update_or_create(who="mosaic", defaults={"who": "x"}),
    "upsert": lambda noted: AuditEvent.objects.bulk_create(
        [AuditEvent(who="x")], update_conflicts=True, unique_fields=["id"], update_fields=["who"]
    ),
    "base manager": lambda noted: AuditEvent._base_manager.filter(pk=noted.pk).update(who="x"),
}


@pytest.mark.parametrize("way", CHANGES)
def test_an_event_is_neither_changed_nor_deleted(way: str) -> None:
    noted = event()
    with pytest.raises(AppendOnlyError):
        CHANGES[way](noted)
    assert list(AuditEvent.objects.values_list("who", "why")) == [("mosaic", "")]


def test_deleting_a_person_leaves_what_they_did(django_assert_num_queries: Any) -> None:
    olga = User.objects.create(username="olga")
    record(Action.SIGN_IN, "olga", person=olga)
    number = olga.pk
    olga.delete()
    noted = AuditEvent.objects.get()
    assert (noted.who, noted.person_id) == ("olga", number)


def test_a_database_that_cannot_be_written_stops_no_command(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(services, "record", broken)
    assert record_if_possible(Action.STACK_UP, "stack mosaic") is None
    assert "stack.up stack mosaic" in caplog.text


def test_every_action_fits_its_column() -> None:
    column = AuditEvent._meta.get_field("action")
    assert isinstance(column, models.CharField)
    assert max(map(len, Action.values)) <= (column.max_length or 0)
    assert all("." in value for value in Action.values)


@pytest.mark.parametrize(
    ("trusted", "other_end", "forwarded", "found"),
    [
        ("", "192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("10.0.0.0/8", "192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("10.0.0.0/8", "10.1.1.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.0/8", "10.1.1.1", "198.51.100.1, 203.0.113.9, 10.2.2.2", "203.0.113.9"),
        ("10.0.0.0/8, ::1", "::1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.0/8", "10.1.1.1", "", "10.1.1.1"),
        ("10.0.0.0/8", "10.1.1.1", "<script>", "10.1.1.1"),
    ],
)
def test_only_a_trusted_proxy_is_believed(
    monkeypatch: pytest.MonkeyPatch, trusted: str, other_end: str, forwarded: str, found: str
) -> None:
    monkeypatch.setattr(actor.env, "load", lambda: Environment(trusted_proxies=trusted))
    request = RequestFactory(REMOTE_ADDR=other_end).get("/", headers={"x-forwarded-for": forwarded})
    assert actor.address_of(request) == found


def test_a_proxy_that_is_no_network_is_a_bad_setting() -> None:
    with pytest.raises(ValidationError, match="list of addresses or networks"):
        Environment(trusted_proxies="10.0.0.0/8, proxy.example")
