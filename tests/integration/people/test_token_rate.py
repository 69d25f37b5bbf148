"""How often a token may ask, counted in a real Valkey."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from mosaic_admin.access import Role
from mosaic_admin.people.models import User
from mosaic_admin.people.tokens import create_token

pytestmark = pytest.mark.django_db
Ask = Callable[[], Any]


@pytest.fixture
def make_token(settings: Any, control_valkey: Any) -> Callable[..., Ask]:
    cache.clear()
    settings.ENV = settings.ENV.model_copy(update={"token_rate": 3})
    admin = User.objects.create(username="rates", role=Role.ADMIN)

    def make(scope: str, address: str) -> Ask:
        _, raw = create_token(name=scope, scopes=[scope], created_by=admin)
        return lambda: Client().get(address, headers={"Authorization": f"Bearer {raw}"})

    return make


def at_the_start_of_a_window() -> None:
    """The test asks for a few moments: not across the turn of a minute."""
    if time.time() % 60 > 50:
        time.sleep(60 - time.time() % 60)


def test_a_token_is_limited_for_itself_and_told_when_to_come_back(make_token: Callable[..., Ask]) -> None:
    at_the_start_of_a_window()
    ask, other = (make_token("doctor:read", "/api/v1/doctor/schema") for _ in range(2))
    assert [ask().status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = ask()
    assert refused.json()["error"]["code"] == "MOS-ACC-021"
    assert 1 <= int(refused["Retry-After"]) <= 61
    assert other().status_code == 200


def test_without_the_cache_nothing_is_limited(make_token: Callable[..., Ask], control_valkey: Any) -> None:
    ask = make_token("doctor:read", "/api/v1/doctor/schema")
    control_valkey.stop()
    try:
        assert [ask().status_code for _ in range(5)] == [200] * 5
    finally:
        control_valkey.start()


def test_the_list_of_tiers_can_be_read_with_its_own_scope_only(make_token: Callable[..., Ask]) -> None:
    assert make_token("tiers:read", "/api/v1/tiers")().status_code == 200
    assert make_token("doctor:read", "/api/v1/tiers")().status_code == 403
