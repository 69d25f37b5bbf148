"""Guessing passwords: from one address, from many, at one account, at all of them, at the same instant."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import hashers
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone

from mosaic_admin.access import Role
from mosaic_admin.people import attempts, services
from mosaic_admin.people.errors import SignInError, SignInPausedError
from mosaic_admin.people.models import FailedSignIn, User
from tests.unit.people.conftest import PASSWORD, MakeUser

pytestmark = pytest.mark.django_db
HERE = "203.0.113.7"


def guess(name: str, password: str = "wrong", address: str = HERE) -> User:
    request = RequestFactory(REMOTE_ADDR=address).post("/sign-in/")
    return services.check_credentials(request=request, name=name, password=password)


def wrong(name: str, times: int = 1, *, address: Callable[[int], str] = lambda _: HERE) -> None:
    for number in range(times):
        with pytest.raises(SignInError):
            guess(name, address=address(number))


def test_one_password_tried_on_everybody_pauses_the_address(make_user: MakeUser) -> None:
    make_user("maya")
    for number in range(attempts.WRONG_TRIES_OF_ADDRESS):
        wrong(f"somebody{number}")
    with pytest.raises(SignInPausedError):
        guess("maya", PASSWORD)
    assert guess("maya", PASSWORD, "203.0.113.8").username == "maya"


def test_one_account_tried_from_many_addresses_is_paused_for_addresses_it_never_used(make_user: MakeUser) -> None:
    make_user("maya", email="maya@northwind.example")
    Client(REMOTE_ADDR=HERE).post("/sign-in/", {"name": "maya", "password": PASSWORD})
    half = attempts.WRONG_TRIES_OF_ACCOUNT // 2
    wrong("maya", half, address=lambda number: f"198.51.100.{number}")
    wrong("maya@northwind.example", half, address=lambda number: f"198.51.101.{number}")
    with pytest.raises(SignInPausedError):
        guess("maya", PASSWORD, "192.0.2.1")
    assert guess("maya", PASSWORD).username == "maya"  # her own address


def test_a_network_of_ipv6_counts_as_one_address(make_user: MakeUser) -> None:
    make_user("maya")
    wrong("maya", attempts.WRONG_TRIES, address=lambda number: f"2001:db8:1:2:{number:x}::1")
    with pytest.raises(SignInPausedError):
        guess("maya", PASSWORD, "2001:db8:1:2:ffff::9")
    assert guess("maya", PASSWORD, "2001:db8:1:3::9").username == "maya"


@pytest.mark.parametrize("name", ["admın", "ADMıN", "ſupport"])
def test_a_name_has_one_spelling_but_for_its_capitals(make_user: MakeUser, name: str) -> None:
    make_user("admin")
    make_user("support", Role.SUPPORT)
    with pytest.raises(SignInError):
        guess(name, PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_tries_at_the_same_instant_are_all_counted(make_user: MakeUser, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user("maya")
    looked: list[str] = []
    real = hashers.check_password
    monkeypatch.setattr(
        "django.contrib.auth.base_user.check_password",
        lambda raw, *args, **more: looked.append(raw) or real(raw, *args),
    )

    def attempt(number: int) -> None:
        try:
            guess("maya", f"guess {number}")
        except SignInError:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(attempt, range(40)))
    assert len(looked) <= attempts.WRONG_TRIES


def test_what_is_refused_costs_no_hash(make_user: MakeUser, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user("maya")
    wrong("maya", attempts.WRONG_TRIES)
    monkeypatch.setattr(hashers, "make_password", lambda *_, **__: pytest.fail("a hash was computed"))
    monkeypatch.setattr("django.contrib.auth.base_user.check_password", lambda *_, **__: pytest.fail("a hash"))
    with pytest.raises(SignInPausedError):
        guess("maya", PASSWORD)


def test_an_unknown_name_is_paused_in_the_same_words(make_user: MakeUser) -> None:
    make_user("maya")
    said: dict[str, list[str]] = {}
    for name in ("maya", "nobody"):
        said[name] = []
        for number in range(attempts.WRONG_TRIES + 1):
            with pytest.raises(SignInError) as caught:
                guess(name, address="192.0.2.1" if name == "maya" else "192.0.2.2")
            said[name].append(caught.value.message.split(" until")[0] if number >= 4 else caught.value.message)
    assert said["maya"] == said["nobody"]


def test_old_tries_leave_the_database() -> None:
    wrong("maya")
    FailedSignIn.objects.update(at=timezone.now() - attempts.LONG_PAUSE - timedelta(seconds=1))
    wrong("omar")
    assert FailedSignIn.objects.count() == 1


def test_the_old_password_cannot_be_guessed_in_a_browser_that_is_signed_in(make_user: MakeUser) -> None:
    client = Client()
    client.force_login(make_user("maya"))
    form = {"new": "a-new-and-long-one", "repeated": "a-new-and-long-one"}
    for _ in range(attempts.WRONG_TRIES):
        assert client.post("/people/password/", {"old": "wrong", **form}).status_code == 422
    answer = client.post("/people/password/", {"old": PASSWORD, **form})
    assert answer.status_code == 422
    assert "is paused until" in answer.content.decode()
