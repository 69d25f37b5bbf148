"""People: created, changed, reset; nobody is locked out."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from mosaic_admin.access import Role
from mosaic_admin.errors import NotFoundError
from mosaic_admin.people import services
from mosaic_admin.people.errors import LastAdminError, PersonError, SignInError, SignInPausedError
from mosaic_admin.people.models import FailedSignIn, User
from tests.unit.people.conftest import PASSWORD, MakeUser

pytestmark = pytest.mark.django_db


def try_sign_in(name: str, password: str, address: str = "192.0.2.7") -> User:
    request = RequestFactory().post("/sign-in/", REMOTE_ADDR=address)
    return services.check_credentials(request=request, name=name, password=password)


def test_the_first_admin_gets_a_generated_password_in_a_private_file(tmp_path: Path) -> None:
    user, path, created = services.ensure_admin(tmp_path)
    assert created
    assert user.role == Role.ADMIN
    assert user.check_password(path.read_text().strip())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_start_keeps_the_admin_and_the_password(tmp_path: Path) -> None:
    first = services.ensure_admin(tmp_path)
    password = first.password_file.read_text()
    second = services.ensure_admin(tmp_path)
    assert (second.user, second.created) == (first.user, False)
    assert second.password_file.read_text() == password


def test_a_password_file_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    services.password_file(tmp_path).write_text("old")
    path = services.ensure_admin(tmp_path).password_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_password_file_goes_when_its_password_stops_working(tmp_path: Path) -> None:
    path = services.ensure_admin(tmp_path).password_file
    services.reset_password(username="admin", home=tmp_path)
    assert not path.exists()


@pytest.mark.parametrize("name", ["maya", "MAYA", "maya@northwind.example", " Maya@Northwind.example "])
def test_somebody_signs_in_by_name_or_e_mail_whatever_the_capitals(make_user: MakeUser, name: str) -> None:
    user = make_user("maya", email="maya@northwind.example")
    assert try_sign_in(name, PASSWORD) == user


def test_a_closed_account_cannot_sign_in_and_is_not_told_apart(make_user: MakeUser) -> None:
    make_user("maya", is_active=False)
    with pytest.raises(SignInError, match="Name or password is wrong"):
        try_sign_in("maya", PASSWORD)


def test_wrong_passwords_count_down_and_then_pause_even_the_right_one(make_user: MakeUser) -> None:
    make_user("maya")
    for left in ("4 tries", "3 tries", "2 tries", "1 try"):
        with pytest.raises(SignInError, match=f"{left} left"):
            try_sign_in("maya", "wrong")
    with pytest.raises(SignInPausedError, match="paused until"):
        try_sign_in("maya", "wrong")
    with pytest.raises(SignInPausedError):
        try_sign_in("maya", PASSWORD)


def test_a_pause_holds_one_address_only(make_user: MakeUser) -> None:
    user = make_user("maya")
    for _ in range(services.WRONG_TRIES):
        with pytest.raises(SignInError):
            try_sign_in("maya", "wrong", "192.0.2.7")
    assert try_sign_in("maya", PASSWORD, "192.0.2.8") == user


def test_a_pause_ends_after_five_minutes(make_user: MakeUser) -> None:
    user = make_user("maya")
    for _ in range(services.WRONG_TRIES):
        with pytest.raises(SignInError):
            try_sign_in("maya", "wrong")
    FailedSignIn.objects.update(at=timezone.now() - services.PAUSE - timedelta(seconds=1))
    assert try_sign_in("maya", PASSWORD) == user


def test_the_right_password_clears_the_count(make_user: MakeUser) -> None:
    make_user("maya")
    with pytest.raises(SignInError):
        try_sign_in("maya", "wrong")
    try_sign_in("maya", PASSWORD)
    assert not FailedSignIn.objects.exists()


def test_a_reset_gives_a_new_password_reopens_the_account_and_ends_pauses(make_user: MakeUser, tmp_path: Path) -> None:
    make_user("maya", is_active=False)
    for _ in range(services.WRONG_TRIES):
        with pytest.raises(SignInError):
            try_sign_in("maya", "wrong")
    user, password = services.reset_password(username="maya", home=tmp_path)
    assert try_sign_in("maya", password) == user


def test_resetting_an_unknown_name_says_how_to_list_everybody(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        services.reset_password(username="nobody", home=tmp_path)
    assert "mosaic users list" in caught.value.remediation


@pytest.mark.parametrize(
    "fields",
    [{"username": "Maya"}, {"username": "other", "email": "MAYA@northwind.example"}, {"username": "with space"},
     {"username": "a@b.example"}, {"username": "other", "role": "king"}, {"username": "other", "email": "no"},
     {"username": "other", "password": "short"}, {"username": "other", "password": "passwordpassword1"[:8]}],
)  # fmt: skip
def test_a_person_that_cannot_be_saved_is_refused_with_its_fields(make_user: MakeUser, fields: dict[str, str]) -> None:
    make_user("maya", email="maya@northwind.example")
    with pytest.raises(PersonError) as caught:
        services.create_person(**{"role": "support", **fields})
    assert caught.value.context["fields"]
    assert User.objects.count() == 1


def test_people_without_e_mail_do_not_collide() -> None:
    for name in ("one", "two"):
        services.create_person(username=name, role="support")
    assert User.objects.filter(email="").count() == 2


def test_a_generated_password_signs_in() -> None:
    user, password = services.create_person(username="omar", role="operator")
    assert try_sign_in("omar", password) == user


def test_the_last_admin_cannot_be_closed_or_demoted(make_user: MakeUser) -> None:
    admin, other = make_user("maya"), make_user("omar", Role.OPERATOR)
    for change in ({"role": "support"}, {"is_active": False}):
        with pytest.raises(LastAdminError, match="last admin"):
            services.change_person(user_id=admin.pk, by=other, **change)
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == (Role.ADMIN, True)


def test_admins_cannot_take_their_own_rights(make_user: MakeUser) -> None:
    maya, _ = make_user("maya"), make_user("omar")
    with pytest.raises(LastAdminError, match="your own"):
        services.change_person(user_id=maya.pk, by=maya, role="support")


def test_a_person_changes_role_and_state(make_user: MakeUser) -> None:
    maya, omar = make_user("maya"), make_user("omar", Role.SUPPORT)
    services.change_person(user_id=omar.pk, by=maya, role="operator")
    services.change_person(user_id=omar.pk, by=maya, is_active=False)
    omar.refresh_from_db()
    assert (omar.role, omar.is_active) == (Role.OPERATOR, False)


def test_a_role_that_does_not_exist_is_refused(make_user: MakeUser) -> None:
    maya, omar = make_user("maya"), make_user("omar", Role.SUPPORT)
    with pytest.raises(PersonError, match="no role 'king'"):
        services.change_person(user_id=omar.pk, by=maya, role="king")


def of(user: User) -> HttpRequest:
    request = RequestFactory().post("/people/password/")
    request.user = user
    return request


def test_a_password_changes_only_with_the_old_one(make_user: MakeUser, tmp_path: Path) -> None:
    user = make_user("maya")
    with pytest.raises(PersonError, match="password is wrong"):
        services.change_password(request=of(user), old="wrong", new="a-new-and-long-one", home=tmp_path)
    services.change_password(request=of(user), old=PASSWORD, new="a-new-and-long-one", home=tmp_path)
    assert try_sign_in("maya", "a-new-and-long-one") == user
