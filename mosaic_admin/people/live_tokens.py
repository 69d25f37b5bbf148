"""What a gateway may know of the tokens: digests and scopes.

The models are looked up when they are asked for: a gateway imports this before it has set Django up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import Manager, Q

USED_EVERY = timedelta(minutes=1)  # a poller must not turn every read into a write


@dataclass(frozen=True)
class LiveToken:
    """A token that works now. `digest` is `digest_of` the token, which is kept nowhere."""

    id: int
    digest: str
    scopes: frozenset[str]
    expires_at: datetime | None = None  # who keeps the token in memory looks at it again


def live(now: datetime) -> Q:
    """Return the condition of a token that works now."""
    is_not_over = Q(expires_at=None) | Q(expires_at__gt=now)
    return is_not_over & Q(revoked_at=None, created_by__is_active=True)


def _tokens() -> Manager[Any]:
    return apps.get_model("people", "ApiToken")._default_manager


def digest_of(raw: str) -> str:
    """SHA-256 is enough here: the token is 256 random bits, not a password that could be guessed."""
    return hashlib.sha256(raw.encode()).hexdigest()


def read_live_tokens() -> list[LiveToken]:
    """Return every token that works, whatever its scopes: who lacks one is told so, and not that nobody knows it.

    The token of somebody who is support by now has no scope of the store's: support reads the dashboard only.
    """
    rows = _tokens().filter(live(datetime.now(UTC))).order_by("id")
    found = rows.values_list("id", "digest", "scopes", "created_by__role", "expires_at")
    return [LiveToken(pk, digest, _held(scopes, role), end) for pk, digest, scopes, role, end in found]


def _held(scopes: list[str], role: str) -> frozenset[str]:
    return frozenset(scope for scope in scopes if role != "support" or not scope.startswith("gateway:"))


def note_uses(uses: Mapping[int, datetime]) -> None:
    """Note when tokens were last used, by id, to the minute; an older moment never replaces a newer one."""
    noted = dict(_tokens().filter(pk__in=uses).values_list("id", "last_used_at"))
    for token_id, moment in uses.items():
        last = noted.get(token_id)
        if last is not None and moment - last < USED_EVERY:
            continue
        older = Q(last_used_at=None) | Q(last_used_at__lt=moment)
        _tokens().filter(older, pk=token_id).update(last_used_at=moment)
