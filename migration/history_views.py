"""The history for support: two runs compared, and the list as a file."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from migration import exports, history, services
from migration.comparison import compare
from migration.models import MigrationJob
from migration.pages import RunPage
from mosaic_admin.access import READERS, allow
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record
from mosaic_admin.paging import in_pieces

CHOICES = 100


@allow(READERS)
@require_GET
def comparison(request: HttpRequest) -> HttpResponse:
    """Show two runs side by side; the address names both, `/migrations/compare?a=3&b=5`.

    The list sends what was ticked there as `run=5&run=3`: the older of the first two becomes `a`.
    """
    ticked = sorted(int(text) for text in request.GET.getlist("run")[:2] if text.isdecimal() and len(text) < 18)
    if len(ticked) == 2:
        return redirect(f"{request.path}?{urlencode({'a': ticked[0], 'b': ticked[1]})}")
    first, second = (_number(request, name) for name in "ab")
    jobs = [services.get_job(number) for number in (first, second) if number is not None]
    choices = list(MigrationJob.objects.defer(*history.HEAVY)[:CHOICES])
    choices += [job for job in jobs if job.number not in {choice.number for choice in choices}]
    shown = {
        "a": first,
        "b": second,
        "choices": choices,
        "chosen": _chosen(first, second, [job.number for job in choices]),
        "runs": [RunPage(job) for job in jobs],
        "sections": compare(*jobs) if len(jobs) == 2 else [],
        "only_differences": request.GET.get("only") == "differences",
    }
    return render(request, "migration/compare.html", shown)


def _chosen(first: int | None, second: int | None, numbers: list[int]) -> tuple[int | None, int | None]:
    """Return what the two fields show: what the address names, else the newest runs."""
    second = second or next((number for number in numbers if number != first), None)
    return first or next((number for number in numbers if number != second), None), second


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "").removeprefix("#")
    return int(text) if text.isdecimal() and len(text) < 18 else None


@allow(READERS)
@require_GET
def runs_csv(request: HttpRequest) -> HttpResponseBase:
    """Send every run that the filters leave as CSV."""
    jobs = history.all_jobs(history.Filters.from_query(request.GET)).iterator(chunk_size=exports.BATCH)
    record(Action.MIGRATION_EXPORT, "runs as CSV", link=f"/migrations/?{request.GET.urlencode()}"[:200])
    response = StreamingHttpResponse(in_pieces(exports.as_csv(jobs)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="mosaic-runs.csv"'
    return response


@allow(READERS)
@require_GET
def runs_json(request: HttpRequest) -> HttpResponseBase:
    """Send every run that the filters leave as JSON: `{"schema_version": "1", "runs": [...]}`."""
    jobs = history.all_jobs(history.Filters.from_query(request.GET)).iterator(chunk_size=exports.BATCH)
    record(Action.MIGRATION_EXPORT, "runs as JSON", link=f"/migrations/?{request.GET.urlencode()}"[:200])
    response = StreamingHttpResponse(in_pieces(exports.as_json(jobs)), content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="mosaic-runs.json"'
    return response
