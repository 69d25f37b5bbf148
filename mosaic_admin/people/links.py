"""Invitations and new passwords: a link that works once, handed over by the admin who made it. No e-mail is sent."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record
from mosaic_admin.people.errors import LastAdminError, LinkError, PersonError
from mosaic_admin.people.live_tokens import digest_of
from mosaic_admin.people.models import LinkPurpose, PersonLink, User
from mosaic_admin.people.services import PEOPLE, as_person_error, person_by_number, set_password
from mosaic_admin.people.tokens import revoke_tokens_of

LIFE = timedelta(days=3)


def invite_person(*, username: str, role: str, email: str = "", display_name: str = "") -> tuple[User, str]:
    """Make a person who cannot sign in before using the link; returns the person and the link's secret, shown once.

    Raises: PersonError.
    """
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                username, None, role=role, email=email.strip(), display_name=display_name.strip()
            )
            raw = _make(user, LinkPurpose.INVITE)
            record(Action.PERSON_INVITE, user.username, link=PEOPLE, after={"role": role})
    except IntegrityError as exc:
        raise PersonError("Somebody has this name or e-mail already.", remediation="Choose another one.") from exc
    except ValidationError as exc:
        raise as_person_error(exc) from exc
    return user, raw


def reset_person(*, user_id: int, by: User, revoke_tokens: bool = False) -> tuple[User, str]:
    """End a person's password and sessions now, and make the link for a new one; who never came is invited again.

    `revoke_tokens` ends the API tokens that they made as well.

    Raises: NotFoundError, PersonError for an account that is closed, LastAdminError for one's own.
    """
    user = person_by_number(user_id)
    if user.pk == by.pk:
        raise LastAdminError("This is your own account.", remediation="Change your password at /people/password/.")
    if not user.is_active:
        raise PersonError(f"The account of {user} is closed.", remediation="Reopen it first.")
    purpose = LinkPurpose.RESET if user.has_usable_password() or user.last_login else LinkPurpose.INVITE
    with transaction.atomic():
        user.set_unusable_password()  # ends every session: each carries a mark of the password
        user.save(update_fields=["password"])
        raw = _make(user, purpose)
        action = Action.PERSON_RESET if purpose is LinkPurpose.RESET else Action.PERSON_INVITE
        record(action, user.username, link=PEOPLE)
        if revoke_tokens:
            revoke_tokens_of(user)
    return user, raw


def _make(user: User, purpose: LinkPurpose) -> str:
    """Make a link; those made before stop working."""
    now, raw = timezone.now(), secrets.token_urlsafe(32)
    PersonLink.objects.filter(person=user, used_at=None).update(used_at=now)
    PersonLink.objects.create(person=user, purpose=purpose, digest=digest_of(raw), expires_at=now + LIFE)
    return raw


def find_link(raw: str) -> PersonLink:
    """Return a link that still works. Raises LinkError, which does not say what is wrong with it."""
    live = PersonLink.objects.filter(used_at=None, expires_at__gt=timezone.now(), person__is_active=True)
    link = live.select_related("person").filter(digest=digest_of(raw)).first()
    if link is None:
        raise LinkError(
            "This link does not work: it was used, is older than three days, or a newer one was made.",
            remediation="Ask an admin for a new one: People, New link.",
        )
    return link


def use_link(*, raw: str, password: str, home: Path) -> User:
    """Set the password of the link's person, once. Raises LinkError, PersonError."""
    with transaction.atomic():
        link = find_link(raw)
        if not PersonLink.objects.filter(pk=link.pk, used_at=None).update(used_at=timezone.now()):
            return find_link(raw).person  # somebody used it this instant: raises
        set_password(link.person, password, home)
        is_invitation = link.purpose == LinkPurpose.INVITE
        record(
            Action.PERSON_JOIN if is_invitation else Action.PERSON_PASSWORD, link.person.username, person=link.person
        )
    return link.person
