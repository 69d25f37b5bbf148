"""Tokens of scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import serializers
from django.utils import timezone

from mosaic_admin.access import Role
from mosaic_admin.errors import NotFoundError
from mosaic_admin.people import tokens
from mosaic_admin.people.errors import ScopeMissingError, TokenRequestError
from mosaic_admin.people.live_tokens import read_live_tokens
from mosaic_admin.people.models import ApiToken, User
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
