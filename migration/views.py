"""Pages of tier migrations. `/migrations/<number>/` is the one address of a run in every state."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from migration import choices, history, services
from migration.bundle import support_bundle
from migration.exports import certificate_text
from migration.forms import NewForm, decisions_from_post, limit_from_post
from migration.ledger_progress import show_ledger
from migration.models import EffectiveState, MigrationJob
from migration.pages import RunPage, one_line
from migration.signing import ensure_key, public_pem, shown_fingerprint
from migration.switch_page import CutoverPage
from migration.watching import count_question, shared_text
from mosaic_admin import env
from mosaic_admin.access import OPERATORS, READERS, allow
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record
from mosaic_admin.errors import MosaicError, NotFoundError
from mosaic_admin.paging import Cursor
from mosaic_admin.redaction import redact_data

PLAN_STATES = (EffectiveState.PLANNING, EffectiveState.PLANNED, EffectiveState.PLAN_FAILED)


def actor(request: HttpRequest) -> services.Actor:
    return services.Actor(request.user.get_username(), request.user.pk)


def may_start(request: HttpRequest) -> bool:
    """Say whether to show what changes something: support reads all of it and finds no button."""
    return getattr(request.user, "role", None) in OPERATORS


def _list_context(request: HttpRequest) -> dict[str, Any]:
    filters = history.Filters.from_query(request.GET)
    number = request.GET.get("page", "1")
    page = history.list_jobs(filters, page=int(number) if number.isdecimal() and len(number) < 6 else 1)
    items = [(job, job.effective_state(), one_line(job, job.effective_state())) for job in page.jobs]
    return {
        "filters": filters,
        "page": page,
        "items": items,
        "states": EffectiveState.choices,
        "periods": history.PERIODS.items(),
        "tiers": history.TIERS,
        "may_start": may_start(request),
    }


@allow(READERS)
@require_GET
def list_runs(request: HttpRequest) -> HttpResponse:
    environment = env.load()
    fingerprint = shown_fingerprint(environment.home.resolve(), environment.signing_key_file)
    return render(request, "migration/list.html", {**_list_context(request), "fingerprint": fingerprint})


@allow(OPERATORS)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    options = choices.list_choices()
    form = NewForm(request.POST or None, sources=options.sources, targets=options.targets, initial=options.initial)
    if request.method == "POST" and form.is_valid():
        job = services.request_plan(
            source=choices.chosen(form.cleaned_data["source"]),
            target=choices.chosen(form.cleaned_data["target"]),
            by=actor(request),
        )
        return redirect("migrations:detail", job.number)
    status = 422 if request.method == "POST" else 200
    return render(request, "migration/new.html", {"form": form, "options": options}, status=status)


@allow(READERS)
@require_GET
def detail(request: HttpRequest, number: int) -> HttpResponse:
    job = services.get_job(number)
    if job.effective_state() is EffectiveState.INTERRUPTED:
        show_ledger(job)
    return _show(request, job)


def _show(
    request: HttpRequest, job: MigrationJob, *, error: MosaicError | None = None, typed: str = ""
) -> HttpResponse:
    page = RunPage(job)
    context: dict[str, Any] = {"run": page, "job": job, "may_start": may_start(request), "error": error}
    context |= {"typed": typed, "events": history.events_of(job, limit=history.RECENT_EVENTS)}
    if page.state in PLAN_STATES:
        template = "migration/plan.html"
    elif page.is_live:
        template = "migration/live.html"
        context |= {"points": _points(job), "is_still": "still" in request.GET, "is_strip_fed": feeds_strip(page)}
    else:
        template = "migration/ended.html"
        context |= _list_context(request) | {"cutover": CutoverPage.of(job)}
    return render(request, template, context, status=error.http_status if error else 200)


def feeds_strip(page: RunPage) -> bool:
    """Say whether the page's own poll brings the strip's news along: a running run has something new each second."""
    return page.state is EffectiveState.RUNNING


def _points(job: MigrationJob) -> str:
    points = history.throughput(job)
    return json.dumps([[at for at, _ in points], [rate for _, rate in points]])


@allow(READERS)
@require_GET
def live(request: HttpRequest, number: int) -> HttpResponse:
    """Answer a poll: nothing new (304), the regions that change, or, once the state is another one, a new page."""
    page = RunPage(services.glance_at(number))
    if request.GET.get("state") != page.state:
        return HttpResponse(headers={"HX-Refresh": "true"})
    count_question(page.job.run_id)
    if request.headers.get("HX-PTag") == page.tag:
        return HttpResponse(status=304)
    text = shared_text(page.job.run_id, page.tag, lambda pause: _regions(request, page.state, number, pause))
    return HttpResponse(text, headers={"HX-PTag": page.tag} if text else {"HX-Refresh": "true"})


def _regions(request: HttpRequest, state: EffectiveState, number: int, pause_s: int) -> str:
    """Render what changes on the page of a live run, for everybody who watches: nothing in it is one person's.

    The request is that of whoever asked first; the strip, which is the same for all, is made from it. Returns "" when
    the run has left the state this instant: it has another page then.
    """
    job = services.get_job(number)
    page = RunPage(job)
    if page.state is not state:
        return ""
    context = {"run": page, "job": job, "points": _points(job), "is_poll": True, "is_strip_fed": feeds_strip(page)}
    context["poll_s"] = max(page.poll_s, pause_s)
    context["events"] = history.events_of(job, limit=history.RECENT_EVENTS)
    return render_to_string("migration/live_regions.html", context, request)


@allow(OPERATORS)
@require_POST
def decide(request: HttpRequest, number: int) -> HttpResponse:
    job = services.get_job(number)
    try:
        services.decide(job=job, decisions=decisions_from_post(request.POST), by=actor(request))
    except MosaicError as error:
        return _show(request, job, error=error)
    return to_run(job)


@allow(OPERATORS)
@require_POST
def replan(request: HttpRequest, number: int) -> HttpResponse:
    job = services.get_job(number)
    services.decide(job=job, by=actor(request))
    return to_run(job)


@allow(OPERATORS)
@require_POST
def start(request: HttpRequest, number: int) -> HttpResponse:
    job = services.get_job(number)
    typed = request.POST.get("target_name", "")
    try:
        limit = limit_from_post(request.POST)
        if limit != job.max_mb_s:
            services.set_throttle(job=job, max_mb_s=limit, by=actor(request))
        services.start_migration(
            job=job,
            plan_hash=request.POST.get("plan_hash", ""),
            target_name=typed,
            is_source_stopped=request.POST.get("source_stopped") == "yes",
            by=actor(request),
        )
    except MosaicError as error:
        return _show(request, services.get_job(number), error=error, typed=typed)
    return to_run(job)


@allow(OPERATORS)
@require_POST
def pause(request: HttpRequest, number: int) -> HttpResponse:
    job = services.request_pause(job=services.get_job(number), by=actor(request))
    messages.info(request, f"Run #{number} stops after the chunks in work.")
    return to_run(job)


@allow(OPERATORS)
@require_POST
def throttle(request: HttpRequest, number: int) -> HttpResponse:
    """Change the speed limit of a run, also while it copies."""
    job = services.get_job(number)
    try:
        services.set_throttle(job=job, max_mb_s=limit_from_post(request.POST), by=actor(request))
    except MosaicError as error:
        return _show(request, services.get_job(number), error=error)
    return to_run(job)


@allow(OPERATORS)
@require_POST
def resume(request: HttpRequest, number: int) -> HttpResponse:
    job = services.get_job(number)
    try:
        services.resume_migration(job=job, by=actor(request))
    except MosaicError as error:
        return _show(request, services.get_job(number), error=error)
    return to_run(job)


@allow(OPERATORS)
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Ask for the run's name; the dialog of the live page posts here as well."""
    job = services.get_job(number)
    error: MosaicError | None = None
    if request.method == "POST":
        try:
            services.request_cancel(job=job, confirmation=request.POST.get("confirmation", ""), by=actor(request))
        except MosaicError as refused:
            error = refused
        else:
            return to_run(job)
    context = {"job": job, "run": RunPage(job), "error": error}
    return render(request, "migration/cancel.html", context, status=error.http_status if error else 200)


def to_run(job: MigrationJob) -> HttpResponseRedirect:
    """Go to the run's page with a GET, whatever the request was."""
    response = HttpResponseRedirect(reverse("migrations:detail", args=[job.number]))
    response.status_code = 303
    return response


@allow(READERS)
@require_GET
def events(request: HttpRequest, number: int) -> HttpResponse:
    job = services.get_job(number)
    before = Cursor.read(request.GET.get("before", ""))
    page = history.page_of_events(job, before)
    context = {"job": job, "run": RunPage(job), "events": page.rows}
    context |= {"older": f"before={page.older}" if page.older else "", "newest": "" if before else None}
    return render(request, "migration/events.html", context)


@allow(READERS)
@require_GET
def plan_json(request: HttpRequest, number: int) -> HttpResponse:
    job = services.get_job(number)
    if not job.plan:
        raise NotFoundError(f"Run #{number} has no plan yet.", remediation="Wait for its dry run, or make it again.")
    return download(JsonResponse(redact_data(job.plan), json_dumps_params={"indent": 1}), f"run{number}-plan.json")


@allow(READERS)
@require_GET
def certificate(request: HttpRequest, number: int) -> HttpResponse:
    """Send the certificate exactly as it was signed."""
    job = services.get_job(number)
    response = HttpResponse(certificate_text(job), content_type="application/json")
    return download(response, RunPage(job).certificate_name)


@allow(READERS)
@require_GET
def signing_key(request: HttpRequest) -> HttpResponse:
    """Send the public key that checks this host's certificates; its fingerprint is on the list of runs."""
    environment = env.load()
    key = ensure_key(environment.home.resolve(), environment.signing_key_file)
    return download(HttpResponse(public_pem(key.public), content_type="application/x-pem-file"), "mosaic-signing.pem")


@allow(READERS)
@require_GET
def bundle(request: HttpRequest, number: int) -> HttpResponse:
    job = services.get_job(number)
    record(Action.MIGRATION_BUNDLE, f"run #{number}", link=f"/migrations/{number}/")
    response = HttpResponse(support_bundle(job), content_type="application/zip")
    return download(response, f"mosaic-run{number}-support.zip")


def download(response: HttpResponse, name: str) -> HttpResponse:
    """Have the browser keep the answer as a file."""
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
