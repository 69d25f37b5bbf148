"""`/api/v1/migrations`: read-only; runs are started in the browser or by the command, both of which confirm."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from migration import history
from migration.bundle import as_summary
from migration.services import get_job
from mosaic_admin.paging import Cursor
from mosaic_admin.redaction import redact_data

router = Router(tags=["migrations"])
EVENTS_PAGE = 1000


class ListQuery(Schema):
    q: str = ""
    state: str = ""
    days: str = ""
    tier: str = ""
    person: str = ""
    since: str = ""
    until: str = ""
    page: int = 1


@router.get("", url_name="migrations-list")
def list_migrations(request: HttpRequest, query: Query[ListQuery]) -> dict[str, Any]:
    """Runs, newest first, 50 a page: number, state, times, error. `state=interrupted` works like any other."""
    filters = history.Filters.from_query(query.model_dump())
    page = history.list_jobs(filters, page=query.page)
    return {"found": page.found, "total": page.total, "page": page.number, "runs": [_row(job) for job in page.jobs]}


def _row(job: Any) -> dict[str, Any]:
    return {
        "number": job.number,
        "state": job.effective_state().value,
        "phase": job.phase,
        "source": job.source_label,
        "target": job.target_label,
        "rows": {"done": job.rows_done, "total": job.rows_total},
        "error_code": job.error_code,
        "created_by": job.created_by_name,
        "created_at": job.created_at.isoformat(),
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
    }


@router.get("/{int:number}", url_name="migrations-get")
def get_migration(request: HttpRequest, number: int) -> dict[str, Any]:
    """One run in whole, with its plan; without configuration documents and row keys."""
    job = get_job(number)
    data: dict[str, Any] = redact_data(as_summary(job) | {"plan": job.plan})
    return data


@router.get("/{int:number}/events", url_name="migrations-events")
def get_events(request: HttpRequest, number: int, before: str = "") -> dict[str, Any]:
    """Events of a run, newest first, up to 1,000; `older` is the `before` of the next page, null on the last one."""
    page = history.page_of_events(get_job(number), Cursor.read(before), size=EVENTS_PAGE)
    return {
        "events": [
            {"at": event.at.isoformat(), "level": event.level, "actor": event.actor, "message": event.message}
            for event in page.rows
        ],
        "older": str(page.older) if page.older else None,
    }
