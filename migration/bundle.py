"""The support bundle: what somebody else needs to understand a run, without secrets and without row contents."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import django
from django.utils import timezone

from migration.engine.model import ENGINE_VERSION
from migration.history import events_of, throughput
from migration.models import MigrationJob
from migration.switch_words import as_document
from mosaic_admin.archive import zipped

README = """Mosaic Admin support bundle of run #{number}, made {now:%d %b %Y %H:%M:%S} UTC.

job.json         the run's row: states, times, error with its remedy
plan.json        the plan and its decisions
events.json      everything that was written down while it ran
throughput.json  rows of [Unix time, MB/s]
cutovers.json    cutovers and rollbacks of this run, with what stayed behind as counts
versions.json    Mosaic Admin, engine, Python

Not in it: passwords, tokens, URLs with user or password, row contents, keys of differing rows.
"""


def support_bundle(job: MigrationJob) -> bytes:
    """Return the bundle as a zip file; every text in it went through the redaction."""
    parts = {
        "job.json": as_summary(job),
        "plan.json": job.plan,
        "events.json": [
            {"at": event.at.isoformat(), "level": event.level, "actor": event.actor, "message": event.message}
            for event in events_of(job)
        ],
        "throughput.json": throughput(job),
        "cutovers.json": [as_document(cutover) for cutover in job.cutovers.select_related("job", "previous", "target")],
        "versions.json": {
            "mosaic_admin": version("mosaic-admin"),
            "engine": ENGINE_VERSION,
            "python": platform.python_version(),
            "django": django.get_version(),
        },
    }
    return zipped({"README.txt": README.format(number=job.number, now=timezone.now())}, parts)


def as_summary(job: MigrationJob) -> dict[str, Any]:
    """Return a job as every face shows it: API, `--json`, bundle. Documents and row keys stay out."""
    state = job.effective_state()
    return {
        "number": job.number,
        "kind": job.kind,
        "state": state.value,
        "phase": job.phase,
        "version": job.version,
        "attempt": job.attempt,
        "resumes": job.resumes,
        "run_id": str(job.run_id),
        "source": {"label": job.source_label, "tier": job.source_tier, "display": _display(job, "source")},
        "target": {"label": job.target_label, "name": job.target_name, "display": _display(job, "target")},
        "plan_hash": job.plan_hash,
        "decisions": job.decisions,
        "progress": job.progress,
        "rows": {"done": job.rows_done, "total": job.rows_total},
        "bytes": {"done": job.bytes_done, "total": job.bytes_total},
        "max_mb_s": job.max_mb_s,
        "worker": job.lease_owner,
        "heartbeat_at": _iso(job.heartbeat_at),
        "is_resumable": job.is_resumable,
        "cutover": _cutover(job),
        "error": _error(job),
        "verification": _verification(job),
        "created_by": job.created_by_name,
        "started_by": job.started_by_name,
        "created_at": _iso(job.created_at),
        "started_at": _iso(job.started_at),
        "finished_at": _iso(job.finished_at),
    }


def _display(job: MigrationJob, side: str) -> str:
    return str(((job.plan or {}).get(side) or {}).get("display", ""))


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment else None


def _cutover(job: MigrationJob) -> dict[str, Any] | None:
    newest = job.cutovers.select_related("job", "previous", "target").first()
    return as_document(newest) if newest else None


def _error(job: MigrationJob) -> dict[str, str] | None:
    if not job.error_code:
        return None
    return {"code": job.error_code, "message": job.error_message, "remediation": job.error_remediation}


def _verification(job: MigrationJob) -> dict[str, Any] | None:
    """The verification without the keys of rows: a key can be a person's address."""
    found: dict[str, Any] | None = (job.result or {}).get("verification")
    if not found:
        return None
    hidden = ("differing_keys", "key_sample")
    tables = [{key: value for key, value in table.items() if key not in hidden} for table in found["tables"]]
    return {**found, "tables": tables}
