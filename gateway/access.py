"""How a request to the gateway says who it is."""

from __future__ import annotations

import hmac
import math

from django.http import HttpRequest
from ninja.security import HttpBearer

from gateway import runtime
from gateway.errors import ScopeMissingError, TooManyRequestsError
from mosaic_admin.people.live_tokens import LiveToken


class OwnToken(HttpBearer):
    """The token in MOSAIC_HOME/keys/gateway-token: whoever can read that file runs this gateway."""

    openapi_scheme = "bearer"

    def authenticate(self, request: HttpRequest, token: str) -> str | LiveToken | None:
        return "gateway" if hmac.compare_digest(token.encode(), runtime.current().token.encode()) else None


class ScopedToken(OwnToken):
    """The gateway's own token, or an API token of the dashboard with this scope.

    Raises: ScopeMissingError, TooManyRequestsError.
    """

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> str | LiveToken | None:
        own = super().authenticate(request, token)
        if own:
            return own
        known = runtime.current().tokens.find(token)
        if known is None:
            return None
        if self.scope not in known.scopes:
            raise ScopeMissingError(
                f"The token lacks the scope {self.scope}.",
                remediation="Make one that has it on the page API tokens, or: "
                f"mosaic tokens create NAME --scope {self.scope}",
                scope=self.scope,
            )
        _count(known)
        return known


def _count(token: LiveToken) -> None:
    limit = runtime.current().rate_limit
    wait_s = limit.take(token.id)
    if wait_s:
        raise TooManyRequestsError(
            f"This token sent more than {limit.per_minute} requests within a minute.",
            remediation="Wait as Retry-After says; MOSAIC_GATEWAY_RATE sets the limit.",
            retry_after_s=math.ceil(wait_s),
        )


OWN = OwnToken()
READ = ScopedToken("gateway:read")
WRITE = ScopedToken("gateway:write")
