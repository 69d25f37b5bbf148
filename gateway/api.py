"""The gateway's own API: /v1 (data), /control (pause and resume), /healthz. Every error has our one JSON shape."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Router
from ninja.errors import AuthenticationError, HttpError, ValidationError

from gateway import faults, runtime, schemas
from gateway.access import OWN
from gateway.collections import ERRORS
from gateway.errors import (
    BadRequestError,
    NoTokenError,
    NotServingError,
    ScopeMissingError,
    TooLargeError,
    TooManyRequestsError,
)
from gateway.routes import router as data
from mosaic_admin.errors import MosaicError

log = logging.getLogger("mosaic.gateway")


api = NinjaAPI(
    title="Mosaic gateway",
    version="1",
    auth=OWN,
    docs_url=None,
    openapi_url="/v1/openapi.json",
    urls_namespace="gateway-api",
)
control = Router()


def status_of(current: runtime.Runtime) -> dict[str, Any]:
    snapshot = current.turnstile.snapshot()
    tokens = current.tokens.state()
    return {
        "state": snapshot.state,
        "in_flight": snapshot.in_flight,
        "since_s": round(snapshot.since, 1),
        "tier": current.tier,
        "store": current.store,
        "holder": current.holder,
        "tokens": {"known": tokens.known, "as_of": tokens.as_of, "is_current": tokens.is_current},
    }


@control.get("/status", response={200: schemas.StatusOut, **ERRORS}, summary="What the gateway is doing")
def show_status(request: HttpRequest) -> Any:
    return status_of(runtime.current())


@control.post(
    "/pause", response={200: schemas.StatusOut, **ERRORS}, summary="Finish the requests in flight, let go of the store"
)
def pause(request: HttpRequest) -> Any:
    current = runtime.current()
    current.turnstile.pause()
    return status_of(current)


@control.post("/resume", response={200: schemas.StatusOut, **ERRORS}, summary="Take the store again and serve")
def resume(request: HttpRequest) -> Any:
    current = runtime.current()
    current.turnstile.resume()
    return status_of(current)


@api.get("/healthz", response=schemas.HealthOut, auth=None, summary="Is the process up?")
def healthz(request: HttpRequest) -> Any:
    return {"status": "ok"}


api.add_router("/v1", data)
api.add_router("/control", control)


def answer(request: HttpRequest, error: MosaicError) -> HttpResponse:
    """Render an error in the one shape, with Retry-After where waiting helps."""
    response = api.create_response(request, error.as_dict(), status=error.http_status)
    if isinstance(error, NotServingError | TooManyRequestsError):
        response["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, ScopeMissingError):  # RFC 6750, 3.1
        response["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{error.context["scope"]}"'
    return response


api.exception_handler(MosaicError)(answer)


def _path(place: tuple[str | int, ...]) -> str:
    """Return where a member stands; ninja puts the name of our own parameter (`body`, `query`) behind its kind."""
    return ".".join(map(str, place[:1] + place[2:] if place[:1] == place[1:2] else place))


@api.exception_handler(ValidationError)
def answer_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    problems = [{"path": _path(item["loc"]), "reason": item["msg"]} for item in error.errors]
    names = ", ".join(dict.fromkeys(problem["path"] for problem in problems))
    return answer(
        request,
        BadRequestError(f"Not usable: {names}.", remediation="Correct what context.problems names.", problems=problems),
    )


@api.exception_handler(AuthenticationError)
def answer_unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    response = answer(
        request,
        NoTokenError(
            "The request carries no valid token.",
            remediation="Send `Authorization: Bearer TOKEN` with an API token (mosaic tokens create NAME --scope "
            "gateway:read), or the token in MOSAIC_HOME/keys/gateway-token.",
        ),
    )
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(RequestDataTooBig)
def answer_too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1_000_000
    return answer(
        request, TooLargeError(f"The body is larger than {most} MB.", remediation="Send it in several requests.")
    )


@api.exception_handler(HttpError)
def answer_http(request: HttpRequest, error: HttpError) -> HttpResponse:
    """ninja's own refusals, such as a body that is not JSON."""
    return answer(
        request, BadRequestError("The body cannot be read.", remediation="Send a JSON object with its Content-Type.")
    )


@api.exception_handler(DatabaseError)
@api.exception_handler(psycopg.Error)
def answer_store(request: HttpRequest, error: Exception) -> HttpResponse:
    return answer(request, faults.explain(error))


@api.exception_handler(Exception)
def answer_bug(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("unexpected", exc_info=error)
    return answer(request, faults.bug())
