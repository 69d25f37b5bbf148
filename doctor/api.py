"""GET /api/v1/doctor: the report for CI, and for a monitor."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema

from doctor.formats import CONTENT_TYPES, RENDERERS, as_compact_json
from doctor.report import Report
from doctor.schema import report_schema
from doctor.services import run_report

router = Router(tags=["doctor"])
Tier = Literal["local", "standalone", "federated"]


class ReportQuery(Schema):
    fail_on: Literal["warn", "fail"] = "fail"
    format: Literal["json", "short", "text", "openmetrics"] = "json"
    tier: Tier | None = None


class MetricsQuery(Schema):
    fail_on: Literal["warn", "fail"] | None = None
    tier: Tier | None = None


@router.get(
    "",
    url_name="doctor",
    summary="Examine this install",
    openapi_extra={
        "responses": {
            200: {"description": "Green or yellow"},
            503: {"description": "Red; yellow too with fail_on=warn. The body is the same report."},
        }
    },
)
def get_report(request: HttpRequest, query: Query[ReportQuery]) -> HttpResponse:
    """Examine this install now: at most 6 s. 200 when green or yellow, 503 when red; `fail_on=warn` makes yellow 503.

    The status is the same in every `format`. `tier=federated` asks whether this install could move there. The JSON
    document follows /api/v1/doctor/schema.
    """
    return _answer(run_report(tier=query.tier, is_polled=True), query.format, query.fail_on)


@router.get("/metrics", url_name="doctor-metrics", summary="The report as OpenMetrics")
def get_metrics(request: HttpRequest, query: Query[MetricsQuery]) -> HttpResponse:
    """The same report as OpenMetrics text, for a scraper: always 200, because Prometheus drops the body of a 503.

    The light is in `mosaic_doctor_status`. With `fail_on` the status is that of /api/v1/doctor.
    """
    return _answer(run_report(tier=query.tier, is_polled=True), "openmetrics", query.fail_on)


def _answer(report: Report, form: str, fail_on: str | None) -> HttpResponse:
    status = 503 if fail_on and report.is_failing(fail_on) else 200
    render = as_compact_json if form == "json" else RENDERERS[form]
    answer = HttpResponse(render(report), status=status, content_type=CONTENT_TYPES[form])
    answer["Cache-Control"] = "no-store"
    return answer


@router.get("/schema", url_name="doctor-schema", summary="The report's JSON Schema")
def get_schema(request: HttpRequest) -> dict[str, object]:
    """The JSON Schema of the report, version 1."""
    return report_schema()
