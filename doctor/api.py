"""GET /api/v1/doctor: the report for CI, and for a monitor."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema

from doctor.formats import OPENMETRICS_TYPE, as_json, as_openmetrics
from doctor.history import record
from doctor.report import Report
from doctor.schema import report_schema
from doctor.services import run_report

router = Router(tags=["doctor"])
Tier = Literal["local", "standalone", "federated"]

ANSWERS = {
    200: {"description": "Green or yellow."},
    503: {"description": "Red; with fail_on=warn yellow too. The body is the report, as with 200."},
}


class ReportQuery(Schema):
    fail_on: Literal["warn", "fail"] = "fail"
    tier: Tier | None = None


class MetricsQuery(Schema):
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

    `tier=federated` asks whether this install could move there. The document follows /api/v1/doctor/schema.
    """
    report = _examined(query.tier)
    status = 503 if report.is_failing(query.fail_on) else 200
    return _uncached(HttpResponse(as_json(report), status=status, content_type="application/json"))


@router.get("/metrics", url_name="doctor-metrics", summary="The report as OpenMetrics")
def get_metrics(request: HttpRequest, query: Query[MetricsQuery]) -> HttpResponse:
    """The same report as OpenMetrics text. Always 200: the light is in `mosaic_doctor_status`."""
    return _uncached(HttpResponse(as_openmetrics(_examined(query.tier)), content_type=OPENMETRICS_TYPE))


@router.get("/schema", url_name="doctor-schema", summary="The report's JSON Schema")
def get_schema(request: HttpRequest) -> dict[str, object]:
    """The JSON Schema of the report, version 1."""
    return report_schema()


def _examined(tier: str | None) -> Report:
    report = run_report(tier=tier)
    if tier is None:
        record(report)
    return report


def _uncached(answer: HttpResponse) -> HttpResponse:
    answer["Cache-Control"] = "no-store"
    return answer
