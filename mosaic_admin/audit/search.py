"""Find events: filters, pages by key, and everything for an export. Good for millions of rows: no OFFSET, no COUNT."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet

from mosaic_admin.audit.models import Action, AuditEvent
from mosaic_admin.paging import Cursor, KeyPage, older_than, page_before

PAGE_SIZE = 50
EXPORT_BATCH = 2000  # rows held at a time


@dataclass(frozen=True)
class Filter:
    """What to look for; empty fields let everything through. Both dates are days in UTC and belong to the span."""

    who: str = ""
    action: str = ""
    since: date | None = None
    until: date | None = None

    def events(self) -> QuerySet[AuditEvent]:
        """Return the events, newest first."""
        rows = AuditEvent.objects.order_by("-at", "-id")
        rows = rows.filter(who=self.who) if self.who else rows
        rows = rows.filter(action=self.action) if self.action else rows
        rows = rows.filter(at__gte=_midnight(self.since)) if self.since else rows
        return rows.filter(at__lte=datetime.combine(self.until, time.max, tzinfo=UTC)) if self.until else rows

    def as_query(self, **more: str) -> str:
        """Return the filter as a query string, for links that keep it."""
        dates = {name: day.isoformat() for name, day in (("since", self.since), ("until", self.until)) if day}
        values = {"who": self.who, "action": self.action, **dates, **more}
        return urlencode({name: value for name, value in values.items() if value})

    def is_empty(self) -> bool:
        return self == Filter()


def find_page(wanted: Filter, before: Cursor | None = None) -> KeyPage[AuditEvent]:
    """Return one page, by one query that reads no more rows than it shows, and one."""
    return page_before(wanted.events(), before, PAGE_SIZE)


def latest_changes(limit: int) -> list[AuditEvent]:
    """Return the newest events but signing in and out; looks at one page of the log and no further."""
    return [event for event in AuditEvent.objects.order_by("-at", "-id")[:PAGE_SIZE] if not event.is_session][:limit]


def find_all(wanted: Filter) -> Iterator[AuditEvent]:
    """Yield every event, newest first, a batch at a time; what is written meanwhile is newer and not in it."""
    before: Cursor | None = None
    while batch := list(older_than(wanted.events(), before)[:EXPORT_BATCH]):
        yield from batch
        before = Cursor.of(batch[-1])


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def actions_by_area() -> Mapping[str, list[Action]]:
    """Return every action under its area, for the filter."""
    areas: dict[str, list[Action]] = {}
    for action in Action:
        areas.setdefault(action.area.capitalize(), []).append(action)
    return areas


def difference(event: AuditEvent) -> list[tuple[str, str]]:
    """Return what changed as lines marked `ins` or `del`; a value without a counterpart is all of one kind."""
    lines = difflib.ndiff(_lines(event.before), _lines(event.after))
    marks = {"+": "ins", "-": "del"}
    return [(marks[line[0]], line[2:]) for line in lines if line[0] in marks]


def _lines(value: Any) -> list[str]:
    return [] if value is None else json.dumps(value, indent=2, ensure_ascii=False).splitlines()
