"""Tokens of scripts: made, shown once, checked, revoked."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone

from mosaic_admin.access import Role
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record
from mosaic_admin.errors import NotFoundError
from mosaic_admin.people.errors import ScopeMissingError, TokenRequestError
from mosaic_admin.people.live_tokens import USED_EVERY, digest_of, live
from mosaic_admin.people.models import ApiToken, Lifetime, Scope, User

MARK = "mosaic_"  # lets secret scanners recognise a leaked token
TOKENS = "/people/tokens/"


def create_token(
    *, name: str, scopes: Iterable[str], created_by: User, lifetime: str = Lifetime.QUARTER
) -> tuple[ApiToken, str]:
    """Make a token that works for a `Lifetime`; returns the row and the token itself, which cannot be shown again.

    Raises: TokenRequestError.
    """
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in Scope.values]
    if not name.strip() or not wanted or unknown:
        raise TokenRequestError(
            f"There is no scope {unknown[0]}." if unknown else "A token needs a name and at least one scope.",
            remediation=f"Scopes are: {', '.join(Scope.values)}.",
        )
    if created_by.role == Role.SUPPORT and any(scope.startswith("gateway:") for scope in wanted):
        raise TokenRequestError(
            f"{created_by} has the role support, which reads no store.",
            remediation="Make it for an operator or an admin, or without the gateway's scopes.",
        )
    raw = MARK + secrets.token_urlsafe(32)
    with transaction.atomic():
        token = ApiToken.objects.create(
            name=name.strip()[:80],
            prefix=raw[:12],
            digest=digest_of(raw),
            scopes=wanted,
            created_by=created_by,
            expires_at=Lifetime(lifetime).ends_at(timezone.now()),
        )
        made = {"scopes": wanted, "number": token.pk, "expires_at": _day_of(token)}
        record(Action.TOKEN_CREATE, token.name, link=TOKENS, after=made)
    return token, raw


def _day_of(token: ApiToken) -> str:
    return f"{token.expires_at:%Y-%m-%d}" if token.expires_at else "never"


def live_tokens_of(user: User) -> QuerySet[ApiToken]:
    """Return the tokens that this person made and that still work."""
    return ApiToken.objects.filter(live(timezone.now()), created_by=user).order_by("pk")


def revoke_tokens_of(user: User) -> int:
    """Revoke every token of this person, each with its event; returns how many those were."""
    with transaction.atomic():
        numbers = list(live_tokens_of(user).values_list("pk", flat=True))
        for number in numbers:
            revoke_token(token_id=number)
    return len(numbers)


def revoke_token(*, token_id: int) -> ApiToken:
    """Make a token useless from now on; a second time changes nothing.

    Raises: NotFoundError.
    """
    with transaction.atomic():
        is_new = ApiToken.objects.filter(pk=token_id, revoked_at=None).update(revoked_at=timezone.now())
        token = token_by_number(token_id)
        if is_new:
            record(Action.TOKEN_REVOKE, token.name, link=TOKENS, before={"scopes": token.scopes, "number": token.pk})
    return token


def token_by_number(token_id: int) -> ApiToken:
    """Return one token. Raises: NotFoundError."""
    token = ApiToken.objects.filter(pk=token_id).first()
    if token is None:
        raise NotFoundError("No token has this number.", remediation="Open the list of tokens again.")
    return token


def authenticate_token(raw: str, scope: str) -> ApiToken | None:
    """Return the live token `raw`; None when there is none. Notes its use, at most once a minute.

    Raises: ScopeMissingError when the token works and lacks the scope.
    """
    token = ApiToken.objects.filter(live(timezone.now()), digest=digest_of(raw)).select_related("created_by").first()
    if token is None:
        return None
    if scope not in token.scopes:
        raise ScopeMissingError(
            f"The token {token.name} lacks the scope {scope}.",
            remediation=f"Make one that has it on the page API tokens, or: mosaic tokens create NAME --scope {scope}",
            scope=scope,
        )
    now = timezone.now()
    unused = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
    ApiToken.objects.filter(unused, pk=token.pk).update(last_used_at=now)
    return token


def all_tokens(text: str = "") -> QuerySet[ApiToken]:
    """Return every token, or those whose name, beginning or maker holds the text; live ones first."""
    holds = Q(name__icontains=text) | Q(prefix__icontains=text) | Q(created_by__username__icontains=text)
    rows = ApiToken.objects.filter(holds if text else Q()).select_related("created_by")
    is_over = Case(When(expires_at__lte=timezone.now(), then=Value(1)), default=Value(0))
    return rows.order_by(F("revoked_at").desc(nulls_first=True), is_over, "-created_at", "-pk")
