"""The history as a file (CSV for a table, JSON for a program: no document, row key or secret), and certificates."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from migration.models import MigrationJob
from migration.rejects import plain_cell
from mosaic_admin.errors import NotFoundError
from mosaic_admin.redaction import redact

COLUMNS = (
    "number", "kind", "state", "phase", "source", "source_tier", "target", "rows_done", "rows_total", "bytes_done",
    "bytes_total", "duration_s", "resumes", "error_code", "created_by", "started_by", "created_at", "started_at",
    "finished_at", "plan_hash",
)  # fmt: skip
WRITTEN_BY_PEOPLE = ("source", "target", "created_by", "started_by")  # the others are words and numbers of ours
BATCH = 500


def row_of(job: MigrationJob) -> dict[str, Any]:
    """Return a run as one flat row, in the order of COLUMNS; times in ISO 8601, UTC."""
    values = (
        job.number, job.kind, job.effective_state().value, job.phase, job.source_label, job.source_tier,
        job.target_name or job.target_label, job.rows_done, job.rows_total, job.bytes_done, job.bytes_total,
        round(job.duration_s, 1) if job.duration_s is not None else None, job.resumes, job.error_code,
        job.created_by_name, job.started_by_name, _iso(job.created_at), _iso(job.started_at), _iso(job.finished_at),
        job.plan_hash,
    )  # fmt: skip
    row = dict(zip(COLUMNS, values, strict=True))
    return row | {name: redact(str(row[name])) for name in WRITTEN_BY_PEOPLE}


def _iso(moment: Any) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def as_csv(jobs: Iterable[MigrationJob]) -> Iterator[str]:
    """Yield the lines of a CSV file; no cell can be taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for job in jobs:
        writer.writerow(["" if value is None else plain_cell(str(value)) for value in row_of(job).values()])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    yield out.getvalue()


def as_json(jobs: Iterable[MigrationJob]) -> Iterator[str]:
    """Yield `{"schema_version": "1", "runs": […]}`, a run a line."""
    yield '{"schema_version": "1", "runs": ['
    for number, job in enumerate(jobs):
        yield f"{',' if number else ''}\n{json.dumps(row_of(job), ensure_ascii=False)}"
    yield "\n]}\n"


def certificate_text(job: MigrationJob) -> str:
    """Return a run's certificate as JSON, exactly as it was signed.

    Raises:
        NotFoundError: the run has none.
    """
    certificate = (job.result or {}).get("certificate")
    if not certificate:
        raise NotFoundError(f"Run #{job.number} has no certificate.", remediation="Only a verified run has one.")
    return json.dumps(certificate, indent=1, ensure_ascii=False)
