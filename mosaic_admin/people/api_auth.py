"""How a request to the JSON API says who it is: a signed-in browser, or a script's token with a scope."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer

from mosaic_admin.access import READERS, Role
from mosaic_admin.people.limits import count_use
from mosaic_admin.people.tokens import authenticate_token


class SessionAuth(APIKeyCookie):
    """A browser session of one of `roles`; changing requests need the CSRF token."""

    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self, roles: frozenset[Role] = READERS) -> None:
        super().__init__(csrf=True)
        self.roles = roles

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        user = request.user
        return user if user.is_authenticated and getattr(user, "role", None) in self.roles else None


class TokenAuth(HttpBearer):
    """`Authorization: Bearer mosaic_…` with the scope."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        found = authenticate_token(token, self.scope)
        if found is not None:
            count_use(found)
        return found
