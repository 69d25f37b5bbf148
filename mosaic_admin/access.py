"""Who may use what. Every view declares it; a view that does not is refused by `AccessMiddleware`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.conf import settings
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url

from mosaic_admin.error_pages import respond
from mosaic_admin.errors import NotAllowedError

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class Role(models.TextChoices):
    """What a person may do: support reads all and starts nothing, operators run things, admins manage people."""

    ADMIN = "admin", "Admin"
    OPERATOR = "operator", "Operator"
    SUPPORT = "support", "Support"


PUBLIC: frozenset[Role] = frozenset()
READERS = frozenset(Role)
OPERATORS = frozenset({Role.ADMIN, Role.OPERATOR})
ADMINS = frozenset({Role.ADMIN})


def allow(read: frozenset[Role], write: frozenset[Role] | None = None) -> Callable[[View], View]:
    """Declare a view's roles: `read` for GET and HEAD, `write` (default: the same) for everything else."""

    def mark(view: View) -> View:
        view.access_read = read  # type: ignore[attr-defined]
        view.access_write = read if write is None else write  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Declare a view that needs no sign-in."""
    return allow(PUBLIC)(view)


def roles_for(view: Any, method: str) -> frozenset[Role] | None:
    """Return the roles a resolved view declares for a method; None when it declares nothing."""
    is_read = method in ("GET", "HEAD", "OPTIONS")
    return getattr(view, "access_read" if is_read else "access_write", None)


class AccessMiddleware:
    """Hold every request against its view's declaration, after authentication and before the view runs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        if getattr(view, "checks_access_itself", False):  # the ninja API: its `auth=` does the same per operation
            return None
        roles = roles_for(view, request.method or "GET")
        if roles is None:
            raise RuntimeError(f"The view {view!r} declares no access: decorate it with @allow or @public.")
        if roles == PUBLIC:
            return None
        if not request.user.is_authenticated:
            query = urlencode({"next": request.get_full_path()})
            return HttpResponseRedirect(f"{resolve_url(settings.LOGIN_URL)}?{query}")
        if getattr(request.user, "role", None) not in roles:
            error = NotAllowedError(
                f"Your role does not allow this: {request.method} {request.path}.",
                remediation=f"Ask somebody with the role {' or '.join(sorted(roles))} to do it.",
            )
            # Answered here: Django gives what a process_view raises to no middleware, it would become a 500.
            return respond(request, error)
        return None
