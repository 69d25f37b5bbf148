"""The password once more, before what cannot be taken back: whoever finds a browser signed in gets no further.

A view calls `ask` when it is about to act; the answer, if there is one, is a page that sends the same form again with
the password in it.
"""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters

from mosaic_admin.people import codes, services
from mosaic_admin.people.errors import PersonError, SignInPausedError

VALID_S = 600.0
KEY = "proved_at"
FIELD = "own_password"


def note(request: HttpRequest) -> None:
    """The person has just typed their password."""
    request.session[KEY] = time.time()


def is_fresh(request: HttpRequest) -> bool:
    """Say whether the password was typed in this session within the last ten minutes."""
    at = request.session.get(KEY)
    return isinstance(at, float) and 0 <= time.time() - at < VALID_S


def ask(request: HttpRequest, *, what: str, back: str) -> HttpResponse | None:
    """Return None when the person proved who they are, lately or with this very form; else the page that asks.

    `what` completes "Type your password to …"; `back` is the address of the way out.
    """
    if is_fresh(request):
        return None
    typed = request.POST.get(FIELD)
    error: PersonError | SignInPausedError | None = None
    if typed is not None:
        try:
            services.check_own_password(request=request, password=typed)
        except (PersonError, SignInPausedError) as refused:
            error = refused
        else:
            note(request)
            return None
    return _page(request, {"what": what, "back": back, "error": error, "code": codes.PROVE_AGAIN, "field": FIELD})


@sensitive_post_parameters(FIELD)
def _page(request: HttpRequest, shown: dict[str, Any]) -> HttpResponse:
    kept = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name not in (FIELD, "csrfmiddlewaretoken")
    ]
    error = shown["error"]
    status = error.http_status if error else codes.PROVE_AGAIN.http_status
    response = render(request, "people/step_up.html", shown | {"kept": kept}, status=status)
    response["Cache-Control"] = "no-store"
    return response
