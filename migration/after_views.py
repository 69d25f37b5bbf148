"""After a run: what it could not move, and taking out of the target what a stopped one wrote."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from migration import services
from migration.pages import RunPage
from migration.rejects import read_rejects
from migration.views import actor, download, may_start, to_run
from mosaic_admin.access import OPERATORS, READERS, allow
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record
from mosaic_admin.errors import MosaicError


@allow(OPERATORS)
@require_http_methods(["GET", "HEAD", "POST"])
def discard(request: HttpRequest, number: int) -> HttpResponse:
    """Ask for the target's name, then take out what the run wrote."""
    job = services.get_job(number)
    error: MosaicError | None = None
    typed = request.POST.get("confirmation", "")
    if request.method == "POST":
        try:
            rows = services.discard_run(job=job, confirmation=typed, by=actor(request))
        except MosaicError as refused:
            error = refused
        else:
            messages.info(request, f"{rows:,} rows are out of the target.")
            return to_run(job)
    shown = {"job": job, "run": RunPage(job), "error": error, "typed": typed}
    return render(request, "migration/discard.html", shown, status=error.http_status if error else 200)


@allow(READERS)
@require_GET
def rejects(request: HttpRequest, number: int) -> HttpResponse:
    """List what the target could not take; only who may act on it sees whole keys."""
    job = services.get_job(number)
    found, error = None, None
    try:
        found = read_rejects(job)
    except MosaicError as refused:
        error = refused
    shown = {"job": job, "run": RunPage(job), "found": found, "error": error, "may_start": may_start(request)}
    return render(request, "migration/rejects.html", shown, status=error.http_status if error else 200)


@allow(READERS)
@require_GET
def rejects_csv(request: HttpRequest, number: int) -> HttpResponse:
    """Send the rejected rows as CSV, keys masked for everybody: the file leaves the dashboard."""
    job = services.get_job(number)
    record(Action.MIGRATION_EXPORT, f"rejects of run #{number}", link=f"/migrations/{number}/")
    return download(HttpResponse(read_rejects(job).as_csv(), content_type="text/csv"), f"run{number}-rejects.csv")


@allow(OPERATORS)
@require_POST
def accept_rejects(request: HttpRequest, number: int) -> HttpResponse:
    """Make a dry run that permits as many rejects as the run found; started, it goes on from that run."""
    job = services.get_job(number)
    return to_run(services.accept_rejects(job=job, by=actor(request)))
