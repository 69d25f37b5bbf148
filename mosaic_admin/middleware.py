"""Turns expected errors into the one page or JSON shape, and refuses a body that no form of ours sends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from mosaic_admin import codes
from mosaic_admin.error_pages import respond
from mosaic_admin.errors import MosaicError

log = logging.getLogger("mosaic.web")


class PrivateMiddleware:
    """Let nobody keep an answer: neither a cache in between nor the browser of somebody who signed out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Cache-Control", "no-store, private")
        return response


class BodyLimitMiddleware:
    """Refuse a large body before anything reads it.

    The check for forged forms would, for anybody: Django keeps a file part on the disk, whatever its size.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length[:20]) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return self.get_response(request)
        limit = f"{settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes"
        error = MosaicError(
            f"The request is larger than {limit}.", remediation="Send less at a time.", code=codes.TOO_LARGE
        )
        response = respond(request, error)
        response["Connection"] = "close"
        return response


class ErrorMiddleware:
    """Answer a view's MosaicError. A bug passes through: Django logs its traceback and shows `handler500`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        location = response.get("Location", "")
        htmx = getattr(request, "htmx", None)
        if htmx and location.startswith(resolve_url(settings.LOGIN_URL)):
            # The browser would follow a 302 and htmx would put the sign-in page into the polled fragment.
            query = urlencode({"next": htmx.current_url_abs_path or "/"})
            return HttpResponse(status=200, headers={"HX-Redirect": f"{location.split('?')[0]}?{query}"})
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, MosaicError):
            return None
        log.info("%s %s: %s %s", request.method, request.path, exception.code.id, exception.message)
        return respond(request, exception)
