"""The question before something that cannot be taken back, answered by typing a name."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@dataclass(frozen=True)
class Question:
    """What the page asks: the title is the question, the buttons repeat its verb."""

    title: str
    effect: str  # what happens, and to whose data
    name: str  # what has to be typed
    yes: str
    no: str
    back: tuple[str, str]  # the page it was asked from: its label and the name of its address


def ask(request: HttpRequest, question: Question) -> HttpResponse | None:
    """Return the page that asks, again and with 422 when something else was typed; None once the name was typed."""
    is_sent = request.method == "POST"
    typed = request.POST.get("confirmation", "")
    if is_sent and typed.strip() == question.name:
        return None
    context = {"question": question, "typed": typed, "is_wrong": is_sent}
    return render(request, "mosaic_admin/confirm.html", context, status=422 if is_sent else 200)
