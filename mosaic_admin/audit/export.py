"""The log as CSV or JSON, written while it is read: a million events need no more memory than a page."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC
from typing import Any

from mosaic_admin.audit.models import AuditEvent

COLUMNS = (
    "id", "at", "who", "role", "channel", "address", "action", "subject", "link", "why", "error_code", "before",
    "after",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_dict(event: AuditEvent) -> dict[str, Any]:
    """Return one event as it is exported; times in UTC, to the microsecond."""
    row = {name: getattr(event, name) for name in COLUMNS}
    return row | {"at": event.at.astimezone(UTC).isoformat().replace("+00:00", "Z")}


class _Echo:
    """What `csv` writes to: it hands each line straight on."""

    def write(self, text: str) -> str:
        return text


def csv_lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for event in events:
        yield writer.writerow([_cell(value) for value in as_dict(event).values()])


def _cell(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula: names and reasons are what somebody typed."""
    text = (
        json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str("" if value is None else value)
    )
    return f"'{text}" if text.startswith(_FORMULA) else text


def json_lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    """Yield one JSON array, an event a line."""
    yield "["
    for number, event in enumerate(events):
        yield (",\n" if number else "\n") + json.dumps(as_dict(event), ensure_ascii=False)
    yield "\n]\n"


FORMATS: Mapping[str, tuple[str, Callable[[Iterable[AuditEvent]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", csv_lines),
    "json": ("application/json", json_lines),
}
