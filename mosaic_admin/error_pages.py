"""One error, one shape, for whoever asked: a page, a fragment for htmx, JSON under /api/."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact, redact_data


def respond(request: HttpRequest, error: MosaicError) -> HttpResponse:
    """Answer with code, message and remedy, and the error's HTTP status."""
    if request.path.startswith("/api/"):
        return JsonResponse(redact_data(error.as_dict()), status=error.http_status)
    is_signed_in = getattr(request, "user", None) is not None and request.user.is_authenticated
    if getattr(request, "htmx", False):
        template = "partials/error.html"
    else:
        template = "mosaic_admin/error.html" if is_signed_in else "mosaic_admin/error_bare.html"
    context = {"error": error, "message": redact(error.message), "remediation": redact(error.remediation)}
    return render(request, template, context, status=error.http_status)
