"""The JSON API of the dashboard under /api/v1/: routers of the packages, one error shape."""

from __future__ import annotations

import logging

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, URLResolver
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from doctor.api import router as doctor_router
from migration.api import router as migrations_router
from mosaic_admin import codes
from mosaic_admin.access import READERS, allow
from mosaic_admin.errors import MosaicError, NotFoundError
from mosaic_admin.people.api_auth import SessionAuth, TokenAuth
from mosaic_admin.people.errors import ScopeMissingError
from mosaic_admin.people.models import Scope
from mosaic_admin.redaction import redact_data
from tiers.api import router as tiers_router

logger = logging.getLogger(__name__)
REFERENCE = "See /api/v1/docs for what is expected."

api = NinjaAPI(
    title="Mosaic Admin",
    version="1",
    description="Read-only. Send `Authorization: Bearer TOKEN` (made on the page API tokens), or sign in in a browser.",
    urls_namespace="api-1",
    auth=[SessionAuth()],
)
api.add_router("/doctor", doctor_router, auth=[TokenAuth(Scope.DOCTOR_READ), SessionAuth()])
api.add_router("/migrations", migrations_router, auth=[TokenAuth(Scope.MIGRATIONS_READ), SessionAuth()])
api.add_router("/tiers", tiers_router, auth=[TokenAuth(Scope.TIERS_READ), SessionAuth()])

_PAGES = ("openapi-json", "openapi-view", "api-root")  # the reference itself; everything else checks its own `auth`


def answer(error: MosaicError, status: int | None = None) -> HttpResponse:
    """Return the one error shape: code, message, remediation, context."""
    response = JsonResponse(redact_data(error.as_dict()), status=status or error.http_status)
    if isinstance(error, ScopeMissingError):  # RFC 6750, 3.1
        response["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{error.context["scope"]}"'
    if "retry_after_s" in error.context:
        response["Retry-After"] = str(error.context["retry_after_s"])
    return response


@api.exception_handler(MosaicError)
def expected(request: HttpRequest, exc: MosaicError) -> HttpResponse:
    return answer(exc)


@api.exception_handler(AuthenticationError)
def not_signed_in(request: HttpRequest, exc: AuthenticationError) -> HttpResponse:
    remediation = "Send `Authorization: Bearer TOKEN` with a token of the right scope, or sign in."
    error = MosaicError("Nobody is signed in.", remediation=remediation, code=codes.NOT_ALLOWED)
    response = answer(error, status=401)
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(ValidationError)
def bad_request(request: HttpRequest, exc: ValidationError) -> HttpResponse:
    names = sorted({".".join(str(part) for part in item["loc"]) for item in exc.errors})
    message = f"Not usable: {', '.join(names)}."
    return answer(MosaicError(message, remediation=REFERENCE, code=codes.BAD_REQUEST))


@api.exception_handler(HttpError)
def unreadable(request: HttpRequest, exc: HttpError) -> HttpResponse:
    error = MosaicError("The request cannot be read.", remediation=REFERENCE, code=codes.BAD_REQUEST)
    return answer(error, status=exc.status_code)


@api.exception_handler(Http404)
def not_found(request: HttpRequest, exc: Http404) -> HttpResponse:
    return answer(NotFoundError(f"Nothing has the address {request.path}.", remediation="See /api/v1/docs."))


@api.exception_handler(Exception)
def bug(request: HttpRequest, exc: Exception) -> HttpResponse:
    """Answer a bug without its words: they may hold anything. The log has them, redacted."""
    logger.error("%s %s failed", request.method, request.path, exc_info=exc)
    fix = "Report it with the log lines of this moment; they hold no secret."
    return answer(MosaicError(codes.BUG.meaning, remediation=fix))


def urls() -> tuple[list[URLResolver | URLPattern], str, str]:
    """Return the API's addresses for `path()`: operations check their own `auth`, the reference is for readers."""
    patterns, app, namespace = api.urls
    for pattern in patterns:
        view = getattr(pattern, "callback", None)
        if view is None:
            continue
        if getattr(pattern, "name", "") in _PAGES:
            allow(READERS)(view)
        else:
            view.checks_access_itself = True
    return patterns, app, namespace
