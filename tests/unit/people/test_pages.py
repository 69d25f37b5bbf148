"""Sign-in, people and tokens in the browser's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mosaic_admin.access import Role
from mosaic_admin.people import tokens, views
from mosaic_admin.people.models import ApiToken, User
from tests.unit.people.conftest import PASSWORD, MakeUser

pytestmark = pytest.mark.django_db
ClientOf = Callable[[Role], Client]


def test_signing_in_leads_to_the_page_that_was_asked_for(client: Client, make_user: MakeUser) -> None:
    make_user("maya")
    assert client.get("/people/tokens/")["Location"] == "/sign-in/?next=%2Fpeople%2Ftokens%2F"
    response = client.post("/sign-in/", {"name": "maya", "password": PASSWORD, "next": "/people/tokens/"})
    assert (response.status_code, response["Location"]) == (302, "/people/tokens/")


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_to_another_host(client: Client, make_user: MakeUser, wanted: str) -> None:
    make_user("maya")
    response = client.post("/sign-in/", {"name": "maya", "password": PASSWORD, "next": wanted})
    assert response["Location"] == "/"


def test_a_wrong_password_answers_422_with_the_error_above_the_fields(client: Client, make_user: MakeUser) -> None:
    make_user("maya")
    response = client.post("/sign-in/", {"name": "maya", "password": "wrong"})
    page = response.content.decode()
    assert response.status_code == 422
    assert page.index("4 tries left") < page.index("<label")
    assert 'value="maya"' in page
    assert "wrong" not in re.findall(r'value="([^"]*)"', page)


def test_a_paused_sign_in_answers_429(client: Client, make_user: MakeUser) -> None:
    make_user("maya")
    answers = [client.post("/sign-in/", {"name": "maya", "password": "no"}).status_code for _ in range(6)]
    assert answers == [422, 422, 422, 422, 429, 429]


@pytest.mark.parametrize(("keep", "is_at_browser_close"), [("on", False), ("", True)])
def test_keeping_signed_in_lasts_twelve_hours(
    client: Client, make_user: MakeUser, keep: str, is_at_browser_close: bool
) -> None:
    make_user("maya")
    client.post("/sign-in/", {"name": "maya", "password": PASSWORD, "keep": keep})
    assert client.session.get_expire_at_browser_close() is is_at_browser_close
    assert client.session.get_expiry_age() == 12 * 3600


def test_signing_out_is_a_post_and_ends_the_session(client_of: ClientOf) -> None:
    client = client_of(Role.SUPPORT)
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


def test_closing_an_account_ends_its_session(client_of: ClientOf) -> None:
    client = client_of(Role.OPERATOR)
    User.objects.update(is_active=False)
    assert client.get("/").status_code == 302


def test_a_new_person_is_shown_the_password_once(client_of: ClientOf) -> None:
    client = client_of(Role.ADMIN)
    page = client.post("/people/", {"username": "omar", "role": "operator"}).content.decode()
    password = re.search(r'data-copy="([^"]+)"', page)
    assert password
    assert User.objects.get(username="omar").check_password(password[1])
    assert password[1] not in client.get("/people/").content.decode()


def test_a_taken_name_comes_back_with_the_form_and_422(client_of: ClientOf) -> None:
    response = client_of(Role.ADMIN).post("/people/", {"username": "admin-person", "role": "support"})
    assert response.status_code == 422
    assert "already" in response.content.decode()


def test_the_list_of_people_needs_the_same_queries_for_any_number(client_of: ClientOf, make_user: MakeUser) -> None:
    client = client_of(Role.ADMIN)
    counts = []
    for number in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/people/").status_code == 200
        counts.append(len(queries))
        for name in range(5):
            make_user(f"person-{number}-{name}", Role.SUPPORT)
    assert counts[0] == counts[1] <= 7


def test_a_token_is_shown_once_and_can_be_revoked(client_of: ClientOf) -> None:
    client = client_of(Role.ADMIN)
    page = client.post("/people/tokens/", {"token_name": "CI", "scopes": ["doctor:read"]}).content.decode()
    raw = re.search(r'data-copy="(mosaic_[^"]+)"', page)
    assert raw
    assert raw[1] not in client.get("/people/tokens/").content.decode()
    token = ApiToken.objects.get()
    revoke = f"/people/tokens/{token.pk}/revoke/"
    assert "It was never used." in client.get(revoke).content.decode()
    assert client.post(revoke, {"confirmation": "cd"}).status_code == 422
    assert "Revoked" not in client.get("/people/tokens/").content.decode()
    page = client.post(revoke, {"confirmation": "CI"}, follow=True).content.decode()
    assert "CI is revoked" in page
    assert "Revoked" in page


def test_a_token_works_for_as_long_as_was_chosen_and_the_list_says_how_long_that_is(client_of: ClientOf) -> None:
    client = client_of(Role.ADMIN)
    form = {"token_name": "CI", "scopes": ["doctor:read"]}
    assert '<option value="90d" selected>90 days</option>' in client.get("/people/tokens/").content.decode()
    assert client.post("/people/tokens/", {**form, "lifetime": "2y"}).status_code == 422
    assert "expires in 29 days" in client.post("/people/tokens/", {**form, "lifetime": "30d"}).content.decode()
    now = timezone.now()
    for left, words in {
        timedelta(days=12, minutes=1): ("Ends soon", "expires in 12 days"),
        timedelta(hours=-1): ("Expired", f"{now:%Y}"),
        None: ("Active", "expires never"),
    }.items():
        ApiToken.objects.update(expires_at=now + left if left else None)
        page = client.get("/people/tokens/").content.decode()
        assert [word in page for word in words] == [True, True], words


@pytest.mark.parametrize("wanted", [{}, {"revoke_tokens": "1"}], ids=["kept", "revoked"])
def test_a_new_password_ends_the_tokens_when_that_is_wanted(
    client_of: ClientOf, make_user: MakeUser, wanted: dict[str, str]
) -> None:
    client, omar = client_of(Role.ADMIN), make_user("omar", Role.OPERATOR)
    admin = User.objects.get(username="admin-person")
    new = "a-new-and-long-one"
    own = {"old": PASSWORD, "new": new, "repeated": new}
    for owner, address, form in ((omar, f"/people/{omar.pk}/reset/", {}), (admin, "/people/password/", own)):
        assert 'name="revoke_tokens"' not in client.get(address).content.decode()
        _, raw = tokens.create_token(name=f"of-{owner}", scopes=["doctor:read"], created_by=owner)
        assert "API token too" in client.get(address).content.decode()
        assert client.post(address, {**form, **wanted}).status_code in (200, 302)
        assert (tokens.authenticate_token(raw, "doctor:read") is None) is bool(wanted)


def test_an_account_is_closed_after_its_name_was_typed_and_not_before(client_of: ClientOf, make_user: MakeUser) -> None:
    client, person = client_of(Role.ADMIN), make_user("omar", Role.OPERATOR)
    address = f"/people/{person.pk}/change/"
    assert "is signed out everywhere" in client.get(address).content.decode()
    for wrong in ({"account": "close"}, {"confirmation": ""}, {"confirmation": "Omar"}):
        response = client.post(address, wrong)
        assert response.status_code == 422
        assert "Nothing was changed." in response.content.decode()
        person.refresh_from_db()
        assert person.is_active
    page = client.post(address, {"confirmation": "omar"}, follow=True).content.decode()
    assert "omar: account closed." in page
    person.refresh_from_db()
    assert not person.is_active
    client.post(address, {"account": "open"})
    person.refresh_from_db()
    assert person.is_active


def test_a_role_is_set_without_a_question(client_of: ClientOf, make_user: MakeUser) -> None:
    client, person = client_of(Role.ADMIN), make_user("omar", Role.SUPPORT)
    client.post(f"/people/{person.pk}/change/", {"role": "operator"})
    person.refresh_from_db()
    assert (person.role, person.is_active) == (Role.OPERATOR, True)


def test_changing_the_password_keeps_this_session_and_ends_the_others(client: Client, make_user: MakeUser) -> None:
    make_user("maya")
    other = Client()
    for browser in (client, other):
        browser.post("/sign-in/", {"name": "maya", "password": PASSWORD})
    new = "a-new-and-long-one"
    response = client.post("/people/password/", {"old": PASSWORD, "new": new, "repeated": new}, follow=True)
    assert "Password changed" in response.content.decode()
    assert other.get("/").status_code == 302


def test_a_repeated_password_that_differs_is_said_beside_its_field(client_of: ClientOf) -> None:
    data = {"old": PASSWORD, "new": "a-new-and-long-one", "repeated": "another"}
    response = client_of(Role.SUPPORT).post("/people/password/", data)
    assert response.status_code == 422
    assert "not the same" in response.content.decode()


def test_the_theme_is_kept_in_a_cookie_and_rendered_by_the_server(client_of: ClientOf) -> None:
    client = client_of(Role.SUPPORT)
    assert "data-bs-theme" not in client.get("/").content.decode()
    assert client.post("/theme/", {"theme": "dark", "next": "/people/password/"})["Location"] == "/people/password/"
    assert '<html lang="en" data-bs-theme="dark">' in client.get("/").content.decode()
    client.post("/theme/", {"theme": '"><script>'})
    assert '<html lang="en" data-bs-theme="dark">' in client.get("/").content.decode()


def test_people_and_tokens_have_pages_and_are_found_by_a_part_of_their_name(
    client_of: ClientOf, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PAGE_SIZE", 2)
    client = client_of(Role.ADMIN)
    for name in ("ann", "ben", "cem"):
        user = make_user(name, Role.SUPPORT)
        token, _ = tokens.create_token(name=f"ci-{name}", scopes=["doctor:read"], created_by=user)
        if name == "cem":
            tokens.revoke_token(token_id=token.pk)
    first, second = (client.get(f"/people/?page={number}").content.decode() for number in (1, 2))
    assert "Role of ann" in first
    assert "Role of cem" not in first
    assert "Role of cem" in second
    assert "Page 2 of 2, 4 in all" in second
    assert "Role of cem" in client.get("/people/?q=CEM").content.decode()
    assert "Nobody fits" in client.get("/people/?q=zoe").content.decode()
    live, revoked = (client.get(f"/people/tokens/?page={number}").content.decode() for number in (1, 2))
    assert ("ci-ann" in live, "ci-cem" in live, "ci-cem" in revoked) == (True, False, True)
    assert "ci-cem" in client.get("/people/tokens/?q=cem").content.decode()
