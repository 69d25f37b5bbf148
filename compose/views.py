"""The page Stack: look, act, follow. Every action is asked about on a page of its own and done by a worker."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from compose import services
from compose.files import OVERLAY
from compose.logs import without_rows
from compose.models import Verb
from compose.pages import StackPage, is_service, log_of, rendered, seen_from_here
from compose.runtime import POSTGRES, SERVICES
from mosaic_admin import env
from mosaic_admin.access import OPERATORS, READERS, allow
from mosaic_admin.errors import MosaicError, NotFoundError
from mosaic_admin.people import step_up

PROVED = {Verb.DOWN: "stop the stack", Verb.ROTATE: "rotate its passwords"}  # what wants the password once more


def _may_act(request: HttpRequest) -> bool:
    return getattr(request.user, "role", None) in OPERATORS


@allow(READERS)
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    environment = env.load()
    stack = StackPage.of(environment)
    if request.headers.get("HX-PTag") == stack.tag:
        return HttpResponse(status=304)
    is_fragment = request.headers.get("HX-Request") == "true"
    context: dict[str, Any] = {"stack": stack, "is_fragment": is_fragment, "may_act": _may_act(request)}
    if not is_fragment:
        context |= _whole_page(request, stack)
    template = "compose/no_engine.html" if stack.look.status is None else "compose/page.html"
    response = render(request, f"{template}#live" if is_fragment else template, context)
    response["HX-PTag"] = stack.tag
    return response


def _whole_page(request: HttpRequest, stack: StackPage) -> dict[str, Any]:
    environment = env.load()
    if stack.look.status is None:
        return {"file": OVERLAY.read_text(), "seen": seen_from_here(environment)}
    text, problem = rendered(environment)
    return {"config": text, "config_problem": problem} | _log(request)


def _log(request: HttpRequest) -> dict[str, Any]:
    wanted = request.GET.get("service", "")
    service = wanted if is_service(wanted) else POSTGRES
    lines = log_of(env.load(), service)
    return {"log": lines if _may_act(request) else without_rows(lines), "log_service": service, "services": SERVICES}


@allow(READERS)
@require_GET
def logs(request: HttpRequest) -> HttpResponse:
    """Answer the log card alone: it is asked for every few seconds, and when another service is chosen."""
    return render(request, "compose/log.html", _log(request))


@allow(READERS)
@require_GET
def seen(request: HttpRequest) -> HttpResponse:
    """Answer what can be reached from here, for a page without an engine."""
    return render(request, "compose/seen.html", {"seen": seen_from_here(env.load())})


@allow(READERS)
@require_GET
def archive(request: HttpRequest) -> HttpResponse:
    headers = {"Content-Disposition": 'attachment; filename="compose.tar.gz"'}
    return HttpResponse(services.archive(), content_type="application/gzip", headers=headers)


@allow(OPERATORS)
@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, verb: str) -> HttpResponse:
    """Ask whether to do something, and what it means for the data; then hand it to a worker."""
    environment = env.load()
    chosen = _verb(verb)
    service = (request.POST if request.method == "POST" else request.GET).get("service", "")
    service = service if is_service(service) else ""
    is_confirmed = chosen is not Verb.ROTATE or request.POST.get("confirm", "").strip() == chosen.value
    if request.method == "POST" and is_confirmed:
        if chosen in PROVED and (asked := step_up.ask(request, what=PROVED[chosen], back=reverse("stack:page"))):
            return asked
        try:
            services.request_action(environment, verb=chosen, service=service, person=request.user)
        except MosaicError as error:
            messages.error(request, f"{error.message} {error.remediation} ({error.code.id})")
        response = redirect("stack:page")
        response.status_code = 303
        return response
    text, problem = rendered(environment)
    shown = {"stack": StackPage.of(environment), "verb": chosen, "service": service, "config": text}
    status = 422 if request.method == "POST" else 200
    return render(request, "compose/act.html", shown | {"config_problem": problem}, status=status)


def _verb(word: str) -> Verb:
    if word not in Verb.values:
        raise NotFoundError(f"The stack has no action {word[:20]}.", remediation="Go back to the page Stack.")
    return Verb(word)
