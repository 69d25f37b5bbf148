"""How a request to the gateway says who it is."""

from __future__ import annotations

import hmac

from django.http import HttpRequest
from ninja.security import HttpBearer

from gateway import runtime


class OwnToken(HttpBearer):
    """The token in MOSAIC_HOME/keys/gateway-token: whoever can read that file runs this gateway."""

    def authenticate(self, request: HttpRequest, token: str) -> str | None:
        return "gateway" if hmac.compare_digest(token.encode(), runtime.current().token.encode()) else None


OWN = OwnToken()
READ = OWN
WRITE = OWN
