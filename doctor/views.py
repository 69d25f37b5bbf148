"""The doctor's pages, and the public word for a load balancer."""

from __future__ import annotations

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from doctor import history, services
from doctor.forms import HistoryForm
from doctor.page import TIERS, Page, current_page, past_page, preview_of
from mosaic_admin.access import OPERATORS, READERS, allow, public
from mosaic_admin.paging import Cursor

LIVE = "doctor/report.html#live"


@allow(READERS)
def report(request: HttpRequest) -> HttpResponseBase:
    """Show the newest report; htmx asks for the fragment with the tag of what it shows.

    `?tier=` asks now what a move there would need. `?fail_on=` gives the page the status that the API has.
    """
    tier = request.GET.get("tier", "")
    page = preview_of(services.run_report(tier=tier)) if tier in TIERS else current_page()
    if request.htmx and request.headers.get("HX-PTag") == page.tag:  # type: ignore[attr-defined]
        return HttpResponse(status=304)
    return _answer(request, page, request.GET.get("fail_on", ""))


@allow(READERS)
@require_POST
def check(request: HttpRequest) -> HttpResponseBase:
    """Run the probes now. Everybody may: they write nothing but this history."""
    tier = request.POST.get("tier", "")
    if tier not in TIERS:
        services.check_now()
    if request.htmx:  # type: ignore[attr-defined]
        return _answer(request, preview_of(services.run_report(tier=tier)) if tier in TIERS else current_page())
    address = reverse("doctor:report")
    return redirect(f"{address}?tier={tier}" if tier in TIERS else address)


def _answer(request: HttpRequest, page: Page, fail_on: str = "") -> HttpResponse:
    is_fragment = bool(request.htmx)  # type: ignore[attr-defined]
    context = {"page": page, "tiers": TIERS, "may_change": getattr(request.user, "role", None) in OPERATORS}
    failing = {"fail": ("red",), "warn": ("red", "yellow")}.get(fail_on, ())
    status = 503 if page.light in failing else 200
    return render(request, LIVE if is_fragment else "doctor/report.html", context, status=status)


@allow(READERS)
def past(request: HttpRequest, number: int) -> HttpResponseBase:
    """Show one kept report."""
    return render(request, "doctor/past.html", {"page": past_page(history.span(number)), "number": number})


@allow(READERS)
def history_list(request: HttpRequest) -> HttpResponseBase:
    """List stretches of equal reports; the address holds what it is narrowed by and where the page begins."""
    form = HistoryForm(request.GET)
    wanted = form.wanted()
    page = history.page_of_spans(wanted, Cursor.read(request.GET.get("before", "")))
    context = {
        "form": form,
        "wanted": wanted,
        "spans": page.rows,
        "older": wanted.as_query(before=str(page.older)) if page.older else "",
        "newest": wanted.as_query() if request.GET.get("before") else None,
    }
    return render(request, "doctor/history.html", context, status=422 if form.errors else 200)


@allow(READERS)
def codes(request: HttpRequest) -> HttpResponseBase:
    found = sorted(services.all_codes().values(), key=lambda item: item.id)
    return render(request, "doctor/codes.html", {"codes": found})


@allow(READERS)
def code(request: HttpRequest, code_id: str) -> HttpResponseBase:
    """One page for each code; what this install shows of it right now comes first."""
    found = services.code(code_id)
    page = current_page()
    return render(request, "doctor/code.html", {"code": found, "findings": page.findings_of(found.id)})


@public
def ready(request: HttpRequest) -> HttpResponseBase:
    """Say the cached light and nothing else. 503 only when this dashboard itself cannot work: a red tier is when it
    is needed most, so a load balancer must not take it away then."""
    try:
        word, status = services.status_word(), 200
    except DatabaseError:
        word, status = "unavailable", 503
    return HttpResponse(f"{word}\n", status=status, content_type="text/plain")
