"""Tokens of scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner, Result
from django.core import serializers
from django.test import Client
from django.utils import timezone

from mosaic_admin.access import Role
from mosaic_admin.audit.models import Action, AuditEvent
from mosaic_admin.cli import mosaic
from mosaic_admin.cli.tokens import LIFETIMES
from mosaic_admin.errors import NotFoundError
from mosaic_admin.people import tokens
from mosaic_admin.people.errors import ScopeMissingError, TokenRequestError
from mosaic_admin.people.live_tokens import read_live_tokens
from mosaic_admin.people.models import ApiToken, Lifetime, User
from tests.unit.people.conftest import MakeUser

pytestmark = pytest.mark.django_db


def test_a_token_works_for_its_scope_only(make_user: MakeUser) -> None:
    token, raw = tokens.create_token(name="CI", scopes=["doctor:read"], created_by=make_user())
    assert tokens.authenticate_token(raw, "doctor:read") == token
    with pytest.raises(ScopeMissingError, match="lacks the scope migrations:read"):
        tokens.authenticate_token(raw, "migrations:read")
    assert tokens.authenticate_token(raw + "x", "doctor:read") is None


def test_the_row_does_not_hold_the_token(make_user: MakeUser) -> None:
    _, raw = tokens.create_token(name="CI", scopes=["doctor:read"], created_by=make_user())
    assert raw not in serializers.serialize("json", ApiToken.objects.all())
    assert ApiToken.objects.get().prefix == raw[:12]


def test_a_revoked_token_is_useless_and_revoking_again_keeps_the_time(make_user: MakeUser) -> None:
    token, raw = tokens.create_token(name="CI", scopes=["doctor:read"], created_by=make_user())
    first = tokens.revoke_token(token_id=token.pk).revoked_at
    assert tokens.authenticate_token(raw, "doctor:read") is None
    assert tokens.revoke_token(token_id=token.pk).revoked_at == first


def test_the_tokens_of_a_closed_account_stop_working(make_user: MakeUser) -> None:
    user = make_user()
    _, raw = tokens.create_token(name="CI", scopes=["doctor:read"], created_by=user)
    user.is_active = False
    user.save()
    assert tokens.authenticate_token(raw, "doctor:read") is None


@pytest.mark.parametrize(("lifetime", "days"), [("30d", 30), ("90d", 90), ("1y", 365)])
def test_a_token_ends_after_its_lifetime(make_user: MakeUser, lifetime: str, days: int) -> None:
    token, raw = tokens.create_token(name="CI", scopes=["doctor:read"], created_by=make_user(), lifetime=lifetime)
    assert token.expires_at is not None
    assert abs(token.expires_at - timezone.now() - timedelta(days=days)) < timedelta(minutes=1)
    assert tokens.authenticate_token(raw, "doctor:read") == token
    assert [live.expires_at for live in read_live_tokens()] == [token.expires_at]
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert tokens.authenticate_token(raw, "doctor:read") is None
    assert read_live_tokens() == []


def test_a_token_works_for_90_days_unless_somebody_says_otherwise(make_user: MakeUser) -> None:
    usual, _ = tokens.create_token(name="CI", scopes=["doctor:read"], created_by=make_user())
    assert usual.expires_at is not None
    assert abs(usual.expires_at - usual.created_at - timedelta(days=90)) < timedelta(minutes=1)
    endless, raw = tokens.create_token(
        name="CI", scopes=["doctor:read"], created_by=usual.created_by, lifetime=Lifetime.NEVER
    )
    assert endless.expires_at is None
    assert tokens.authenticate_token(raw, "doctor:read") == endless


def test_an_expired_token_gets_the_answer_of_a_revoked_one(make_user: MakeUser) -> None:
    answers = []
    for field in ("expires_at", "revoked_at"):
        token, raw = tokens.create_token(
            name=field, scopes=["doctor:read"], created_by=make_user(field.partition("_")[0])
        )
        headers = {"authorization": f"Bearer {raw}"}
        assert Client().get("/api/v1/doctor/schema", headers=headers).status_code == 200
        ApiToken.objects.filter(pk=token.pk).update(**{field: timezone.now()})
        answer = Client().get("/api/v1/doctor/schema", headers=headers)
        answers.append((answer.status_code, answer.content, answer["WWW-Authenticate"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


def test_the_tokens_of_one_person_are_revoked_and_nobody_elses(make_user: MakeUser) -> None:
    maya, omar = make_user("maya"), make_user("omar")
    for owner in (maya, maya, omar):
        tokens.create_token(name=owner.username, scopes=["doctor:read"], created_by=owner)
    assert tokens.revoke_tokens_of(maya) == 2
    assert tokens.revoke_tokens_of(maya) == 0
    assert [token.name for token in ApiToken.objects.filter(revoked_at=None)] == ["omar"]
    assert AuditEvent.objects.filter(action=Action.TOKEN_REVOKE).count() == 2


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(mosaic, ["tokens", *arguments])
    assert result.exception is None, result.exception
    return result


def test_the_command_makes_tokens_that_expire_and_lists_when(make_user: MakeUser) -> None:
    make_user()
    assert tuple(Lifetime.values) == LIFETIMES
    for name, options in {"usual": (), "short": ("--expires", "30d"), "endless": ("--expires", "never")}.items():
        assert run("create", name, "--scope", "doctor:read", *options).stdout.startswith("mosaic_")
    assert "until it is revoked" in run("create", "another", "--scope", "doctor:read", "--expires", "never").stderr
    listed = {line.split()[-1]: line for line in run("list").stdout.splitlines()}
    assert ["expires in 89 days" in listed["usual"], "expires in 29 days" in listed["short"]] == [True, True]
    assert "expires never" in listed["endless"]
    assert run("list").stderr == ""
    ApiToken.objects.filter(name="short").update(expires_at=timezone.now() + timedelta(days=12, hours=1))
    ApiToken.objects.filter(name="usual").update(expires_at=timezone.now())
    listed = {line.split()[-1]: line for line in run("list").stdout.splitlines()}
    assert "expires in 12 days" in listed["short"]
    assert listed["usual"].split()[1] == "expired"
    assert "1 token ends within 14 days" in run("list").stderr


def test_use_is_noted_at_most_once_a_minute(make_user: MakeUser) -> None:
    token, raw = tokens.create_token(name="CI", scopes=["doctor:read"], created_by=make_user())
    tokens.authenticate_token(raw, "doctor:read")
    recent = timezone.now() - timedelta(seconds=30)
    ApiToken.objects.update(last_used_at=recent)
    tokens.authenticate_token(raw, "doctor:read")
    token.refresh_from_db()
    assert token.last_used_at == recent


@pytest.mark.parametrize(("name", "scopes"), [("", ["doctor:read"]), ("CI", []), ("CI", ["doctor:write"])])
def test_a_token_needs_a_name_and_known_scopes(make_user: MakeUser, name: str, scopes: list[str]) -> None:
    with pytest.raises(TokenRequestError) as caught:
        tokens.create_token(name=name, scopes=scopes, created_by=make_user())
    assert "doctor:read" in caught.value.remediation


def test_revoking_an_unknown_token_is_an_error() -> None:
    with pytest.raises(NotFoundError):
        tokens.revoke_token(token_id=404)


def test_a_token_of_somebody_who_is_support_by_now_opens_no_store(make_user: MakeUser) -> None:
    make_user("maya")
    omar = make_user("omar")
    tokens.create_token(name="agent", scopes=["gateway:read", "gateway:write", "doctor:read"], created_by=omar)
    assert read_live_tokens()[0].scopes == {"gateway:read", "gateway:write", "doctor:read"}
    User.objects.filter(pk=omar.pk).update(role=Role.SUPPORT)
    omar.refresh_from_db()
    assert read_live_tokens()[0].scopes == {"doctor:read"}
    with pytest.raises(TokenRequestError, match="reads no store"):
        tokens.create_token(name="agent", scopes=["gateway:read"], created_by=omar)
    tokens.create_token(name="ci", scopes=["doctor:read"], created_by=omar)
