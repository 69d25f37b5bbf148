"""The overview, the theme switch, and the answers to what went wrong."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from mosaic_admin import codes
from mosaic_admin.access import OPERATORS, READERS, allow, public
from mosaic_admin.bundle import support_bundle
from mosaic_admin.error_pages import respond
from mosaic_admin.errors import MosaicError, NotAllowedError, NotFoundError
from mosaic_admin.overview_page import current_overview
from mosaic_admin.people.codes import FORM_EXPIRED
from mosaic_admin.people.views import safe_next

THEMES = ("light", "dark")


@allow(READERS)
def overview(request: HttpRequest) -> HttpResponseBase:
    may_start = getattr(request.user, "role", None) in OPERATORS
    # The page asks for its live part by itself: all of it would also take away the messages of whoever clicked last.
    name = "overview_live.html" if request.htmx else "overview.html"  # type: ignore[attr-defined]
    return render(request, f"mosaic_admin/{name}", {"overview": current_overview(), "may_start": may_start})


@allow(READERS)
@require_GET  # HEAD too would make one, and a line in the audit log
def bundle(request: HttpRequest) -> HttpResponseBase:
    """Hand out the doctor's support bundle as a file."""
    name = f"mosaic-doctor-{timezone.now():%Y%m%d-%H%M%S}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(support_bundle(), content_type="application/zip", headers=headers)


@allow(READERS)
def strip(request: HttpRequest) -> HttpResponseBase:
    """Answer the strip's own poll, so that light and run stay true on a page that stays open."""
    return render(request, "partials/strip_poll.html")


@public
@require_POST
def theme(request: HttpRequest) -> HttpResponseBase:
    """Keep light or dark in a cookie: the page is right from its first byte, and without JavaScript too."""
    response = redirect(safe_next(request))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie("theme", chosen, max_age=365 * 86400, samesite="Lax", httponly=True)
    return response


@public
def alive(request: HttpRequest) -> HttpResponseBase:
    """Say that this process answers, and nothing else."""
    return HttpResponse("ok\n", content_type="text/plain")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(
        request, NotFoundError(f"Nothing has the address {request.path}.", remediation="Start from the overview: /")
    )


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(
        request,
        NotAllowedError("This is not allowed.", remediation="Sign in as somebody who may, or ask an admin."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return respond(
        request,
        MosaicError("The form is out of date.", remediation="Load the page again, then send it.", code=FORM_EXPIRED),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a bug; Django has logged the traceback, redacted, by now."""
    user = getattr(request, "user", None)
    folder = f" in {settings.HOME / 'logs'}" if user is not None and user.is_authenticated else ""
    return respond(request, MosaicError(codes.BUG.meaning, remediation=f"Look into the log of web{folder}."))
