"""What surrounds a run: the rehearsal before it, the cutover after it, and the way back."""

from __future__ import annotations

import threading

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from migration import cutover as cutovers
from migration import rehearsal, services
from migration import rollback as rollbacks
from migration.job_errors import NoCutoverError
from migration.models import Cutover, MigrationJob
from migration.pages import RunPage
from migration.switch_page import CutoverPage
from migration.views import actor, may_start
from mosaic_admin.access import OPERATORS, READERS, allow
from mosaic_admin.errors import MosaicError
from mosaic_admin.people import step_up
from store.ledger import StoreBusyError


@allow(READERS, OPERATORS)
@require_http_methods(["GET", "HEAD", "POST"])
def cutover(request: HttpRequest, number: int) -> HttpResponse:
    """Show what a cutover does and how far it is; POST takes it up, a thread of this process carries it out."""
    job = services.get_job(number)
    if request.method != "POST":
        return _show_cutover(request, job)
    here = reverse("migrations:cutover", args=[number])
    if page := step_up.ask(request, what=f"cut over run #{number}", back=here):
        return page
    by, typed = actor(request), request.POST.get("confirmation", "")
    try:
        found = cutovers.begin_cutover(job=job, confirmation=typed, by=by)
    except MosaicError as error:
        return _show_cutover(request, job, error=error, typed=typed)
    in_background(found, by)
    return _to("migrations:cutover", number)


def in_background(found: Cutover, by: services.Actor) -> None:
    """Comparing two large stores takes longer than a browser waits; a kill leaves a cutover that can be finished."""
    name = f"cutover-{found.pk}-work"
    threading.Thread(target=cutovers.carry_out_quietly, args=(found,), kwargs={"by": by}, name=name).start()


def _show_cutover(
    request: HttpRequest, job: MigrationJob, *, error: MosaicError | None = None, typed: str = ""
) -> HttpResponse:
    page = CutoverPage.of(job)
    shown = {"page": page, "job": job, "run": RunPage(job), "may_start": may_start(request)}
    status = error.http_status if error else 200
    return render(request, "migration/cutover.html", {**shown, "error": error, "typed": typed}, status=status)


@allow(READERS)
@require_GET
def cutover_state(request: HttpRequest, number: int) -> HttpResponse:
    """Answer a poll: unchanged (304), the steps, or a new page once the state is another one."""
    job = services.get_job(number)
    page = CutoverPage.of(job)
    if request.GET.get("state") != page.state:
        return HttpResponse(headers={"HX-Refresh": "true"})
    if request.headers.get("HX-PTag") == page.tag:
        return HttpResponse(status=304)
    response = render(request, "migration/cutover_steps.html", {"page": page, "job": job})
    response["HX-PTag"] = page.tag
    return response


@allow(OPERATORS)
@require_POST
def rehearse(request: HttpRequest, number: int) -> HttpResponse:
    """Begin a rehearsal of a dry run, and go to its page."""
    made = rehearsal.request_rehearsal(job=services.get_job(number), by=actor(request))
    return _to("migrations:detail", made.number)


@allow(OPERATORS)
@require_http_methods(["GET", "HEAD", "POST"])
def rollback(request: HttpRequest, number: int) -> HttpResponse:
    """Show what the federated store gained since the cutover; POST goes back."""
    job = services.get_job(number)
    found = _in_force(job)
    error: MosaicError | None = None
    typed = request.POST.get("confirmation", "")
    if request.method == "POST":
        here = reverse("migrations:rollback", args=[number])
        if page := step_up.ask(request, what=f"roll back run #{number}", back=here):
            return page
        is_unseen = request.POST.get("unseen") == "yes"
        try:
            rollbacks.roll_back(cutover=found, confirmation=typed, by=actor(request), unseen=is_unseen)
        except MosaicError as refused:
            error = refused
        else:
            return _to("migrations:cutover", number)
    seen = rollbacks.preview(found)
    shown = {"seen": seen, "job": job, "run": RunPage(job), "error": error, "typed": typed}
    shown["is_gateway_in_the_way"] = isinstance(error, StoreBusyError)
    return render(request, "migration/rollback.html", shown, status=error.http_status if error else 200)


def _in_force(job: MigrationJob) -> Cutover:
    found = rollbacks.find_cutover()
    if found.job_id != job.pk:
        raise NoCutoverError(
            f"Run #{job.number} is not the one that is cut over.",
            remediation=f"The cutover in force is that of run #{found.job.number}: "
            f"/migrations/{found.job.number}/cutover",
        )
    return found


def _to(name: str, number: int) -> HttpResponse:
    response = HttpResponseRedirect(reverse(name, args=[number]))
    response.status_code = 303
    return response
