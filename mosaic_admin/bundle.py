"""The doctor's support bundle: what somebody needs who helps from afar, and nothing that opens a door."""

from __future__ import annotations

import json
import platform
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from doctor import history
from doctor.formats import as_short
from doctor.models import Span
from doctor.reading import read_report
from migration.bundle import as_summary
from migration.models import MigrationJob
from mosaic_admin.archive import zipped
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record
from mosaic_admin.redaction import display_url, redact
from mosaic_admin.wiring import ALL_CODES

SPANS, JOBS = 100, 10
PACKAGES = ("mosaic-admin", "django", "psycopg", "redis", "celery", "django-ninja", "gunicorn")
# What may be shown of a configuration as it is; of everything else only the kind of value.
PLAIN_KEYS = frozenset({"version", "tier", "type", "enableVector"})
README = """Mosaic Admin support bundle, made {now:%d %b %Y %H:%M:%S} UTC.

report.json    the newest report of the doctor (docs/doctor), report.txt the same in short
history.json   the last {spans} stretches of equal reports
config.json    the shape of mosaic.config.json: keys and kinds of values, addresses as host:port/database
gateway.json   what the gateway last said of itself
jobs.json      the last {jobs} migration runs
versions.json  Mosaic Admin, its packages, Python, the dashboard's database

Not in it: passwords, tokens, URLs with user or password, contents of rows, names of people.
"""


def support_bundle() -> bytes:
    """Return the bundle as a zip file, and note in the audit log that it was made; every text is redacted."""
    record(Action.DOCTOR_BUNDLE, "support bundle", link="/doctor/")
    span = history.latest()
    parts: dict[str, Any] = {
        "report.json": span.body if span else None,
        "history.json": [_span(item) for item in history.recent_spans(SPANS)],
        "config.json": config_shape(settings.ENV.config),
        "gateway.json": _json(settings.HOME / "run" / "gateway-state.json"),
        "jobs.json": [_without_people(as_summary(job)) for job in MigrationJob.objects.order_by("-number")[:JOBS]],
        "versions.json": _versions(),
    }
    texts = {"README.txt": README.format(now=timezone.now(), spans=SPANS, jobs=JOBS)}
    if span:
        texts["report.txt"] = as_short(read_report(span.body, ALL_CODES)) + "\n"
    return zipped(texts, parts)


def _span(span: Span) -> dict[str, Any]:
    return {
        "from": _iso(span.started_at),
        "to": _iso(span.seen_at),
        "light": span.light,
        "tier": span.tier,
        "root_cause": span.root_code or None,
        "suppressed": span.suppressed,
        "runs": span.runs,
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def config_shape(path: Path) -> Any:
    """Return the configuration with each value replaced by its kind, but for what is neither secret nor private."""
    try:
        return _shape("", json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return "missing, or not readable as JSON"


def _shape(key: str, value: Any) -> Any:
    match value:
        case dict():
            return {redact(str(name)): _shape(str(name), item) for name, item in value.items()}
        case list():
            return [_shape(key, item) for item in value]
        case str() if key == "url" and "://" in value:
            return f"{value.partition(':')[0]}://{display_url(value)}"
        case str() | int() | bool() if key in PLAIN_KEYS:
            return value if isinstance(value, int) else str(value)[:20]
        case _:
            return type(value).__name__


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def _without_people(summary: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in summary.items() if key not in ("created_by", "started_by")}


def _versions() -> dict[str, str]:
    own = {name: version(name) for name in PACKAGES}
    database = f"{connection.vendor} {'.'.join(map(str, connection.get_database_version()))}"
    return {**own, "python": platform.python_version(), "system": platform.platform(), "control database": database}
