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
