"""Invitations and links for a new password."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client, RequestFactory
from django.utils import timezone

from mosaic_admin.access import Role
from mosaic_admin.audit.models import AuditEvent
from mosaic_admin.people import links, services
from mosaic_admin.people.errors import LastAdminError, LinkError, PersonError, SignInError
from mosaic_admin.people.models import PersonLink, User
from mosaic_admin.redaction import redact
from tests.unit.people.conftest import PASSWORD, MakeUser

NEW = "a-password-of-her-own"

pytestmark = pytest.mark.django_db


def invite(**fields: str) -> tuple[User, str]:
    return links.invite_person(**{"username": "ines", "role": Role.SUPPORT, **fields})


def may_sign_in(name: str, password: str) -> bool:
    try:
        services.check_credentials(request=RequestFactory().post("/"), name=name, password=password)
    except SignInError:
        return False
    return True


def test_an_invited_person_cannot_sign_in_before_the_link_was_used() -> None:
    user, raw = invite()
    assert not user.has_usable_password()
    assert not may_sign_in("ines", "")
    links.use_link(raw=raw, password=NEW, home=settings.HOME)
    assert may_sign_in("ines", NEW)
    assert list(AuditEvent.objects.order_by("id").values_list("action", "subject")[:2]) == [
        ("person.invite", "ines"), ("person.join", "ines"),
    ]  # fmt: skip


def test_only_the_digest_of_a_link_is_kept() -> None:
    _, raw = invite()
    kept = PersonLink.objects.values().get()
    assert raw not in str(kept)
    assert raw not in redact(f"GET /join/{raw}/ 200")


def test_a_link_works_once() -> None:
    _, raw = invite()
    links.use_link(raw=raw, password=NEW, home=settings.HOME)
    with pytest.raises(LinkError):
        links.use_link(raw=raw, password="another-password-1", home=settings.HOME)
    assert may_sign_in("ines", NEW)


@pytest.mark.parametrize("state", ["expired", "superseded", "closed", "unknown"])
def test_a_dead_link_does_not_say_why(state: str, make_user: MakeUser) -> None:
    user, raw = invite()
    match state:
        case "expired":
            PersonLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        case "superseded":
            links.reset_person(user_id=user.pk, by=make_user())
        case "closed":
            User.objects.filter(pk=user.pk).update(is_active=False)
        case _:
            raw = "x" * 43
    response = Client().get(f"/join/{raw}/")
    assert response.status_code == 410
    assert "MOS-ACC-031" in response.content.decode()
    assert "ines" not in response.content.decode()


def test_a_weak_password_is_refused_and_the_link_stays() -> None:
    _, raw = invite()
    with pytest.raises(PersonError):
        links.use_link(raw=raw, password="short", home=settings.HOME)
    assert links.use_link(raw=raw, password=NEW, home=settings.HOME).username == "ines"


def test_a_reset_ends_the_password_and_every_session_at_once(
    make_user: MakeUser, client_of: Callable[[Role], Client]
) -> None:
    client = client_of(Role.OPERATOR)
    user = User.objects.get(username="operator-person")
    user.last_login = timezone.now()
    user.save()
    assert client.get("/people/password/").status_code == 200
    _, raw = links.reset_person(user_id=user.pk, by=make_user())
    assert client.get("/people/password/").status_code == 302
    assert not may_sign_in(user.username, PASSWORD)
    links.use_link(raw=raw, password=NEW, home=settings.HOME)
    assert may_sign_in(user.username, NEW)
    assert AuditEvent.objects.filter(action="person.reset", subject=user.username).exists()


def test_nobody_resets_themselves_or_a_closed_account(make_user: MakeUser) -> None:
    admin = make_user()
    with pytest.raises(LastAdminError):
        links.reset_person(user_id=admin.pk, by=admin)
    closed = make_user("closed", Role.SUPPORT, is_active=False)
    with pytest.raises(PersonError):
        links.reset_person(user_id=closed.pk, by=admin)


def test_an_admin_invites_and_the_link_leads_into_the_dashboard(client_of: Callable[[Role], Client]) -> None:
    admin = client_of(Role.ADMIN)
    sent = {"username": "ines", "role": "operator", "invite": "1"}
    address = admin.post("/people/", sent).context["link"]
    assert address.startswith("http://testserver/join/")
    assert "Link not used yet" in admin.get("/people/").content.decode()
    guest = Client()
    assert "Welcome, ines" in guest.get(address).content.decode()
    bad = guest.post(address, {"new": NEW, "repeated": "other"})
    assert (bad.status_code, "not the same" in bad.content.decode()) == (422, True)
    assert guest.post(address, {"new": NEW, "repeated": NEW})["Location"] == "/"
    assert guest.get("/people/password/").status_code == 200
    assert guest.get(address).status_code == 410


def test_every_change_of_a_person_and_a_token_is_in_the_audit_log(make_user: MakeUser) -> None:
    admin = make_user()
    user, _ = services.create_person(username="omar", role=Role.SUPPORT)
    services.change_person(user_id=user.pk, by=admin, role=Role.OPERATOR)
    services.change_person(user_id=user.pk, by=admin, role=Role.OPERATOR)  # nothing new
    services.change_person(user_id=user.pk, by=admin, is_active=False)
    services.change_person(user_id=user.pk, by=admin, is_active=True)
    services.reset_password(username="omar", home=settings.HOME, password=PASSWORD)
    user.refresh_from_db()
    request = RequestFactory().post("/people/password/")
    request.user = user
    services.change_password(request=request, old=PASSWORD, new=NEW, home=settings.HOME)
    token, raw = services.create_token(name="ci", scopes=["doctor:read"], created_by=admin)
    services.revoke_token(token_id=token.pk)
    services.revoke_token(token_id=token.pk)
    noted = AuditEvent.objects.order_by("id")
    assert [event.action for event in noted] == [
        "person.create", "person.role", "person.disable", "person.enable", "person.reset", "person.password",
        "token.create", "token.revoke",
    ]  # fmt: skip
    role = noted.get(action="person.role")
    assert (role.before, role.after) == ({"role": "support"}, {"role": "operator"})
    assert raw not in str(list(noted.values()))
    assert NEW not in str(list(noted.values()))


def test_signing_in_and_out_and_a_pause_are_in_the_audit_log(make_user: MakeUser) -> None:
    make_user("maya")
    client = Client(REMOTE_ADDR="192.0.2.9")
    for _ in range(services.WRONG_TRIES + 2):
        client.post("/sign-in/", {"name": "nobody", "password": "wrong"})
    client.post("/sign-in/", {"name": "maya", "password": PASSWORD})
    client.post("/sign-out/")
    noted = AuditEvent.objects.order_by("id").values_list("action", "subject", "who", "address")
    assert list(noted) == [
        ("session.paused", "nobody", "nobody", "192.0.2.9"),
        ("session.sign-in", "maya", "maya", "192.0.2.9"),
        ("session.sign-out", "maya", "maya", "192.0.2.9"),
    ]


def test_the_page_asks_before_a_password_ends(client_of: Callable[[Role], Client], make_user: MakeUser) -> None:
    user = make_user("olga", Role.OPERATOR)
    admin = client_of(Role.ADMIN)
    assert "stops working at once" in admin.get(f"/people/{user.pk}/reset/").content.decode()
    assert User.objects.get(pk=user.pk).has_usable_password()
    page = admin.post(f"/people/{user.pk}/reset/")
    assert "/join/" in page.context["link"]
    assert not User.objects.get(pk=user.pk).has_usable_password()


@pytest.mark.parametrize("how", ["reset at the command line", "closed and reopened"])
def test_a_link_does_not_outlive_what_was_done_about_the_account(how: str, make_user: MakeUser) -> None:
    admin = make_user("root", Role.ADMIN)
    user, raw = invite()
    if how.startswith("reset"):
        services.reset_password(username="ines", home=settings.HOME, password=NEW)
    else:
        for is_active in (False, True):
            services.change_person(user_id=user.pk, by=admin, is_active=is_active)
    with pytest.raises(LinkError):
        links.use_link(raw=raw, password="another-password-1", home=settings.HOME)
