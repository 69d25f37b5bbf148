"""What cannot be taken back wants the password typed lately, by whoever sits there."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from compose import services as stack
from compose.models import Verb
from migration import rollback, switch_views
from migration.models import Cutover
from mosaic_admin.access import Role
from mosaic_admin.people import attempts, step_up
from mosaic_admin.people.models import ApiToken, User
from tests.sessions import prove
from tests.unit.people.conftest import PASSWORD, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was really done: a word for each."""
    found: list[str] = []
    monkeypatch.setattr("compose.views.rendered", lambda environment: ("", None))
    monkeypatch.setattr(stack, "request_action", lambda environment, *, verb, **_: found.append(verb.value))
    monkeypatch.setattr(switch_views.services, "get_job", lambda number: object())
    monkeypatch.setattr(switch_views, "in_background", lambda cutover, by: None)
    monkeypatch.setattr(switch_views.cutovers, "begin_cutover", lambda **_: found.append("cutover"))
    monkeypatch.setattr(switch_views, "_in_force", lambda job: Cutover())
    monkeypatch.setattr(rollback, "roll_back", lambda **_: found.append("rollback"))
    return found


FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "down": ("/stack/down/", {"service": ""}),
    "rotate": ("/stack/rotate/", {"confirm": "rotate"}),
    "cutover": ("/migrations/7/cutover", {"confirmation": "mosaic@db:5433"}),
    "rollback": ("/migrations/7/rollback", {"confirmation": "roll back run 7"}),
}

PERSON = "/people/{person}/change/"
ADMIN_FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "invite": ("/people/", {"username": "zoe", "role": "admin", "invite": "1"}),
    "add": ("/people/", {"username": "zoe", "role": "operator"}),
    "role": (PERSON, {"role": "admin"}),
    "close": (PERSON, {"confirmation": "omar"}),
    "reopen": (PERSON, {"account": "open"}),
    "reset": ("/people/{person}/reset/", {}),
    "token": ("/people/tokens/", {"token_name": "ci", "scopes": ["gateway:write", "doctor:read"]}),
}


@pytest.fixture
def client(make_user: MakeUser) -> Client:
    found = Client()
    found.force_login(make_user("olga", Role.OPERATOR))
    return found


@pytest.mark.parametrize("what", FORMS)
def test_it_asks_first_and_goes_on_with_the_same_form(client: Client, done: list[str], what: str) -> None:
    address, form = FORMS[what]
    asked = client.post(address, form)
    page = asked.content.decode()
    assert (asked.status_code, done) == (403, [])
    assert "MOS-ACC-032" in page
    assert asked["Cache-Control"] == "no-store"
    for name, value in form.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in page
    wrong = client.post(address, {**form, step_up.FIELD: "wrong"})
    assert (wrong.status_code, done) == (422, [])
    assert "wrong" not in wrong.content.decode().replace("password is wrong", "")
    assert client.post(address, {**form, step_up.FIELD: PASSWORD}).status_code == 303
    assert client.post(address, form).status_code == 303  # not asked again
    assert done == [what, what]


@pytest.mark.parametrize("what", FORMS)
def test_a_proof_grows_old(client: Client, done: list[str], what: str) -> None:
    address, form = FORMS[what]
    prove(client, ago_s=step_up.VALID_S + 1)
    assert client.post(address, form).status_code == 403
    prove(client, ago_s=-3600)  # a clock that was set back
    assert client.post(address, form).status_code == 403
    assert done == []


def everything() -> list[Any]:
    """All that the forms of ADMIN_FORMS could change."""
    people = User.objects.exclude(username="ada").order_by("pk")
    return [*people.values_list("username", "role", "is_active", "password"), *ApiToken.objects.values_list("name")]


@pytest.mark.parametrize("what", ADMIN_FORMS)
def test_people_and_tokens_are_changed_by_whoever_knows_the_password(make_user: MakeUser, what: str) -> None:
    admin = Client()
    admin.force_login(make_user("ada", Role.ADMIN))
    person = make_user("omar", Role.SUPPORT, is_active=what != "reopen")
    address, form = ADMIN_FORMS[what]
    address, before = address.format(person=person.pk), everything()
    asked = admin.post(address, form)
    assert (asked.status_code, everything()) == (403, before)
    page = asked.content.decode()
    assert "MOS-ACC-032" in page
    for name, values in form.items():
        for value in [values] if isinstance(values, str) else values:
            assert f'<input type="hidden" name="{name}" value="{value}">' in page
    assert admin.post(address, {**form, step_up.FIELD: "wrong"}).status_code == 422
    assert everything() == before
    assert admin.post(address, {**form, step_up.FIELD: PASSWORD}).status_code in (200, 302)
    assert everything() != before


def test_an_admin_is_asked_once_and_not_at_each_click(make_user: MakeUser) -> None:
    admin, person = Client(), make_user("omar", Role.SUPPORT)
    admin.force_login(make_user("ada", Role.ADMIN))
    address = PERSON.format(person=person.pk)
    assert admin.post(address, {"role": "operator", step_up.FIELD: PASSWORD}).status_code == 302
    assert admin.post(*ADMIN_FORMS["token"]).status_code == 200
    assert admin.post(address, {"confirmation": "omar"}).status_code == 302


def test_a_form_with_an_error_is_mended_before_the_password_is_asked(make_user: MakeUser) -> None:
    admin, person = Client(), make_user("omar", Role.SUPPORT)
    admin.force_login(make_user("ada", Role.ADMIN))
    assert admin.post("/people/tokens/", {"token_name": "ci"}).status_code == 422
    assert admin.post(PERSON.format(person=person.pk), {"confirmation": "another"}).status_code == 422


def test_the_password_cannot_be_guessed_there(client: Client, done: list[str]) -> None:
    address, form = FORMS["down"]
    for _ in range(attempts.WRONG_TRIES):
        client.post(address, {**form, step_up.FIELD: "wrong"})
    assert client.post(address, {**form, step_up.FIELD: PASSWORD}).status_code == 429
    assert done == []


def test_signing_in_is_a_proof(make_user: MakeUser, done: list[str]) -> None:
    make_user("otto", Role.OPERATOR)
    client = Client()
    client.post("/sign-in/", {"name": "otto", "password": PASSWORD})
    assert client.post(*FORMS["down"]).status_code == 303
    assert done == ["down"]


def test_what_can_be_undone_asks_for_no_password(client: Client, done: list[str]) -> None:
    for verb in (Verb.UP, Verb.RESTART):
        assert client.post(f"/stack/{verb.value}/").status_code == 303
    assert done == ["up", "restart"]
