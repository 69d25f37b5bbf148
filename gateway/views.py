"""The dashboard's page about the gateway, and its two buttons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods

from gateway import services
from gateway.services import GatewayStatus
from mosaic_admin.access import OPERATORS, READERS, allow
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record_if_possible
from mosaic_admin.errors import MosaicError


@dataclass(frozen=True)
class Question:
    """What a person is asked before the gateway changes: the words of one dialog."""

    verb: str
    question: str
    meaning: str
    yes: str
    no: str

    @property
    def action(self) -> str:
        return reverse(f"gateway:{self.verb}")


PAUSE = Question(
    "pause",
    "Pause the gateway?",
    "It finishes the requests in flight, lets go of the store and answers 503 until it is resumed. "
    "The data stays as it is; a migration can then start.",
    "Pause gateway",
    "Keep serving",
)
RESUME = Question(
    "resume",
    "Resume the gateway?",
    "It takes the store's lock again and serves. While it holds the lock no migration can start. "
    "What it writes from then on is not in a copy that was made before.",
    "Resume gateway",
    "Keep it paused",
)


@allow(READERS)
@require_GET
def status(request: HttpRequest) -> HttpResponse:
    current = services.read_status(with_holders=True)
    tag = services.tag_of(current)
    if request.headers.get("HX-PTag") == tag:
        return HttpResponse(status=304)
    is_fragment = request.headers.get("HX-Request") == "true"
    name = "gateway/status.html#live" if is_fragment else "gateway/status.html"
    may_change = getattr(request.user, "role", None) in OPERATORS
    ask = PAUSE if current.can_pause else RESUME if current.can_resume else None
    shown = {
        "gateway": current,
        "tag": tag,
        "may_change": may_change,
        "ask": ask,
        "questions": (PAUSE, RESUME),
        "is_fragment": is_fragment,
    }
    response = render(request, name, shown)
    response["HX-PTag"] = tag
    return response


@allow(OPERATORS)
@require_http_methods(["GET", "HEAD", "POST"])
def pause(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "gateway/confirm.html", {"ask": PAUSE})
    done = "The gateway is paused. It answers 503 until it is resumed."
    return _change(request, services.pause_gateway, Action.GATEWAY_PAUSE, done)


@allow(OPERATORS)
@require_http_methods(["GET", "HEAD", "POST"])
def resume(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "gateway/confirm.html", {"ask": RESUME})
    return _change(request, services.resume_gateway, Action.GATEWAY_RESUME, "The gateway serves again.")


def _change(request: HttpRequest, change: Callable[[], GatewayStatus], action: Action, done: str) -> HttpResponse:
    error = None
    try:
        change()
    except MosaicError as refused:
        error = refused
        messages.error(request, f"{services.describe(error)} ({error.code.id})")
    else:
        messages.success(request, done)
    record_if_possible(action, "the gateway", link=reverse("gateway:status"), error=error)
    response = redirect(_next_of(request))
    response.status_code = 303
    return response


def _next_of(request: HttpRequest) -> str:
    """Return where the form wants to go on, when that is a page of ours."""
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else reverse("gateway:status")
