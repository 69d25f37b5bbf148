"""What can be done with people: create, change, reset, sign in."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, NamedTuple

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from mosaic_admin.access import Role
from mosaic_admin.audit.actor import address_of
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record
from mosaic_admin.errors import NotFoundError
from mosaic_admin.people.attempts import PAUSE, WRONG_TRIES, counted, forget_account, forgive, left_of, refuse_if_last
from mosaic_admin.people.errors import LastAdminError, PersonError, SignInError
from mosaic_admin.people.models import User
from mosaic_admin.people.tokens import authenticate_token, create_token, revoke_token, revoke_tokens_of
from mosaic_admin.private_files import write_private

__all__ = [
    "PAUSE",
    "WRONG_TRIES",
    "authenticate_token",
    "change_password",
    "change_person",
    "check_credentials",
    "check_own_password",
    "create_person",
    "create_token",
    "ensure_admin",
    "first_admin",
    "person",
    "reset_password",
    "revoke_token",
]

PEOPLE = "/people/"
PASSWORD_BYTES = 15  # 120 bits: 20 characters that can be typed


class EnsuredAdmin(NamedTuple):
    """The admin of this install, and the file with the password if this call made it."""

    user: User
    password_file: Path
    created: bool


def generate_password() -> str:
    return secrets.token_urlsafe(PASSWORD_BYTES)


def password_file(home: Path) -> Path:
    return home / "admin-password"


def ensure_admin(home: Path) -> EnsuredAdmin:
    """Make the person `admin` with a generated password, kept in MOSAIC_HOME/admin-password, unless an admin exists.

    Idempotent: with an admin in place nothing is changed.
    """
    path = password_file(home)
    existing = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk").first()
    if existing:
        return EnsuredAdmin(existing, path, created=False)
    password = generate_password()
    user = User.objects.create_user("admin", password, display_name="admin", role=Role.ADMIN)
    record(Action.PERSON_CREATE, user.username, link=PEOPLE, after={"role": Role.ADMIN}, why="The first admin.")
    write_private(path, f"{password}\n")
    return EnsuredAdmin(user, path, created=True)


def person(username: str) -> User:
    """Return a person by name or e-mail.

    Raises: NotFoundError.
    """
    try:
        return User.objects.get_by_natural_key(username)
    except User.DoesNotExist:
        raise NotFoundError(
            f"Nobody has the name {username}.", remediation="mosaic users list shows everybody."
        ) from None


def first_admin() -> User:
    """Return the admin who was there first.

    Raises: NotFoundError.
    """
    admin = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk").first()
    if admin is None:
        raise NotFoundError("There is no admin yet.", remediation="Create one: mosaic users create NAME --role admin")
    return admin


def create_person(
    *, username: str, role: str, email: str = "", display_name: str = "", password: str | None = None
) -> tuple[User, str]:
    """Create a person; without a password one is generated. Returns the person and the password, to be shown once.

    Raises: PersonError.
    """
    new_password = password or generate_password()
    try:
        validate_password(new_password, User(username=username, email=email, display_name=display_name))
        with transaction.atomic():
            user = User.objects.create_user(
                username, new_password, role=role, email=email.strip(), display_name=display_name.strip()
            )
            record(Action.PERSON_CREATE, user.username, link=PEOPLE, after={"role": role})
    except ValidationError as exc:
        raise as_person_error(exc) from exc
    except IntegrityError as exc:  # two people were created at the same moment
        raise PersonError("Somebody has this name or e-mail already.", remediation="Choose another one.") from exc
    return user, new_password


def as_person_error(error: ValidationError) -> PersonError:
    """Return our error for what a model's fields refused, each message beside its field."""
    fields = error.message_dict if hasattr(error, "error_dict") else {"password": error.messages}
    named = {"__all__" if name == "__all__" else name: messages for name, messages in fields.items()}
    texts = [message for messages in named.values() for message in messages]
    return PersonError(" ".join(texts), remediation="Correct the field and send it again.", fields=named)


def person_by_number(user_id: int) -> User:
    """Return a person. Raises NotFoundError."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFoundError("Nobody has this number any more.", remediation="Open the list of people again.")
    return user


@transaction.atomic
def change_person(*, user_id: int, by: User, role: str | None = None, is_active: bool | None = None) -> User:
    """Change a person's role, or close or reopen their account. Nobody can shut themselves, or the last admin, out.

    Raises: NotFoundError, PersonError, LastAdminError.
    """
    user = person_by_number(user_id)
    if role is not None and role not in Role.values:
        raise PersonError(f"There is no role {role!r}.", remediation=f"Choose one of: {', '.join(Role.values)}.")
    loses_admin = user.role == Role.ADMIN and (role not in (None, Role.ADMIN) or is_active is False)
    if loses_admin and user.pk == by.pk:
        raise LastAdminError("You cannot take your own admin rights away.", remediation="Ask another admin to do it.")
    if loses_admin and not User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=user.pk).exists():
        raise LastAdminError(f"{user} is the last admin.", remediation="Make somebody else an admin first.")
    before = {"role": user.role, "is_active": user.is_active}
    user.role = Role(role) if role else user.role
    user.is_active = user.is_active if is_active is None else is_active
    user.save(update_fields=["role", "is_active"])
    if is_active is False:
        _void_links(user)
    _record_change(user, before)
    return user


def _record_change(user: User, before: dict[str, Any]) -> None:
    """Note what really changed: the same role chosen again is no event."""
    if before["role"] != user.role:
        old, new = {"role": before["role"]}, {"role": user.role}
        record(Action.PERSON_ROLE, user.username, link=PEOPLE, before=old, after=new)
    if before["is_active"] != user.is_active:
        record(Action.PERSON_ENABLE if user.is_active else Action.PERSON_DISABLE, user.username, link=PEOPLE)


def check_own_password(*, request: HttpRequest, password: str) -> None:
    """Check the password of who is signed in; wrong tries are counted as at the sign-in.

    Raises: PersonError, SignInPausedError.
    """
    user = request.user
    assert isinstance(user, User)
    with counted(user.username, address_of(request)) as attempt:
        if user.check_password(password):
            forgive(attempt)
            return
    raise PersonError(
        "The password is wrong.",
        remediation="Type the password you signed in with.",
        fields={"old": ["The old password is wrong."]},
    )


def change_password(*, request: HttpRequest, old: str, new: str, home: Path, revoke_tokens: bool = False) -> None:
    """Give the person who is signed in a new password; all their other sessions end, and their tokens if they say so.

    Raises: PersonError when the old one is wrong or the new one too weak, SignInPausedError.
    """
    check_own_password(request=request, password=old)
    user = request.user
    assert isinstance(user, User)
    with transaction.atomic():
        set_password(user, new, home)
        record(Action.PERSON_PASSWORD, user.username, person=user)
        if revoke_tokens:
            revoke_tokens_of(user)


def reset_password(
    *, username: str, home: Path, password: str | None = None, revoke_tokens: bool = False
) -> tuple[User, str]:
    """Give a person a new password without the old one (for the command line), reopen the account, end its pauses.

    Raises: NotFoundError, PersonError.
    """
    user = person(username)
    new_password = password or generate_password()
    with transaction.atomic():
        user.is_active = True
        set_password(user, new_password, home)
        forget_account(user)
        record(Action.PERSON_RESET, user.username, link=PEOPLE)
        if revoke_tokens:
            revoke_tokens_of(user)
    return user, new_password


def set_password(user: User, new: str, home: Path) -> None:
    """Give a person a password; all their sessions end. Raises PersonError when it is too weak."""
    try:
        validate_password(new, user)
    except ValidationError as exc:
        fields = {"new": exc.messages}
        raise PersonError(" ".join(exc.messages), remediation="Choose another password.", fields=fields) from exc
    path = password_file(home)
    if path.is_file() and user.check_password(path.read_text().strip()):
        path.unlink()  # it would name a password that no longer works
    user.set_password(new)
    user.save()
    _void_links(user)


def _void_links(user: User) -> None:
    """A link that lies in somebody's mailbox must not outlive what was done about the account."""
    user.links.filter(used_at=None).update(used_at=timezone.now())


def check_credentials(*, request: HttpRequest, name: str, password: str) -> User:
    """Return the person behind name (or e-mail) and password; wrong tries are counted.

    Raises: SignInError, SignInPausedError.
    """
    with counted(name, address_of(request)) as attempt:
        user = authenticate(request, username=name.strip(), password=password)
        if isinstance(user, User):
            with transaction.atomic():
                forgive(attempt)
                record(Action.SIGN_IN, user.username, person=user)
            return user
    refuse_if_last(attempt)
    left = left_of(attempt)
    raise SignInError(
        f"Name or password is wrong. {left} {'try' if left == 1 else 'tries'} left before a pause of 5 minutes.",
        remediation="On the server, mosaic users reset NAME gives somebody a new password.",
    )


def note_sign_out(request: HttpRequest) -> None:
    """Note that the signed-in person ends the session; nobody signed in is no event."""
    if isinstance(request.user, User):
        record(Action.SIGN_OUT, request.user.username)


def people(text: str = "") -> QuerySet[User]:
    """Return everybody, or whose name or e-mail holds the text; open accounts first."""
    holds = Q(username__icontains=text) | Q(display_name__icontains=text) | Q(email__icontains=text)
    return User.objects.filter(holds if text else Q()).order_by("-is_active", "username")
