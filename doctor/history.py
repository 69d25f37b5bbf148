"""Keeps reports and answers: what is the state, since when, what was it over the day, what changed since green."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db import transaction
from django.db.models import F, QuerySet

from doctor import latency
from doctor.models import Span
from doctor.report import Light, Report
from doctor.webhooks import announce
from mosaic_admin.canonical import canonical_json
from mosaic_admin.errors import NotFoundError
from mosaic_admin.paging import Cursor, KeyPage, page_before

GAP = timedelta(minutes=5)  # reports come every minute; a longer silence ends a span: nobody looked
FRESH = timedelta(seconds=15)  # a poller's equal report this soon after another adds nothing: no write for it
STALE = timedelta(minutes=3)  # an older report says nothing about now
KEEP = timedelta(days=90)
KEEP_ROWS = 2000
PAGE_SIZE = 100
HEAVY = ("body", "evidence")
BAR = timedelta(minutes=30)
RANK = {"": 0, Light.GREEN: 1, Light.YELLOW: 2, Light.RED: 3}


def record(report: Report, *, is_polled: bool = False) -> Span:
    """Lengthen the newest span when nothing changed, else begin one. Secrets are masked before anything is stored.

    Nothing is written for a poller's report that says the same as one a few seconds ago.
    """
    body = report.as_dict()
    fingerprint = fingerprint_of(body)
    evidence = {finding.probe: [list(pair) for pair in finding.evidence] for finding in report.findings}
    newest = Span.objects.first()
    fresh = {"seen_at": report.generated_at, "body": body, "evidence": evidence}
    since_seen = report.generated_at - newest.seen_at if newest else GAP
    if newest and newest.fingerprint == fingerprint and since_seen < GAP:
        if is_polled and since_seen < FRESH:
            return newest
        latency.note(body, report.generated_at)
        Span.objects.filter(pk=newest.pk, seen_at__lt=report.generated_at).update(runs=F("runs") + 1, **fresh)
        newest.refresh_from_db()
        return newest
    latency.note(body, report.generated_at)
    with transaction.atomic():
        span = Span.objects.create(
            fingerprint=fingerprint,
            light=report.status.value,
            tier=report.tier or "",
            root_code=body["summary"]["root_cause"] or "",
            suppressed=body["summary"]["suppressed"],
            started_at=report.generated_at,
            **fresh,
        )
        _forget_old(report.generated_at)
        if newest and newest.light != span.light:
            announce(newest, span)
    return span


def fingerprint_of(body: dict[str, Any]) -> str:
    """Return what stays the same while nothing changes: states, codes and versions, without times and wording."""
    services = [{key: value for key, value in item.items() if key != "duration_ms"} for item in body["services"]]
    findings = sorted(
        [item["probe"], item["status"], item["code"] or "", str(bool(item["suppressed"]))] for item in body["findings"]
    )
    kept = canonical_json([body["tier"], body["status"], services, findings])
    return hashlib.sha256(kept.encode()).hexdigest()


def _forget_old(now: datetime) -> None:
    Span.objects.filter(seen_at__lt=now - KEEP).delete()
    surplus = Span.objects.values_list("seen_at", flat=True)[KEEP_ROWS : KEEP_ROWS + 1].first()
    if surplus:
        Span.objects.filter(seen_at__lte=surplus).delete()


def recent_spans(limit: int) -> list[Span]:
    """Return the newest stretches, without their documents."""
    return list(Span.objects.defer(*HEAVY)[:limit])


@dataclass(frozen=True)
class Wanted:
    """Which stretches to show; empty fields let everything through. Both days are in UTC and belong to the span."""

    light: str = ""
    since: date | None = None
    until: date | None = None

    def spans(self) -> QuerySet[Span]:
        rows = Span.objects.defer(*HEAVY)
        rows = rows.filter(light=self.light) if self.light else rows
        rows = rows.filter(seen_at__gte=datetime.combine(self.since, time.min, UTC)) if self.since else rows
        return rows.filter(seen_at__lte=datetime.combine(self.until, time.max, UTC)) if self.until else rows

    def as_query(self, **more: str) -> str:
        """Return it as a query string, for links that keep it."""
        days = {name: day.isoformat() for name, day in (("since", self.since), ("until", self.until)) if day}
        return urlencode({name: value for name, value in {"light": self.light, **days, **more}.items() if value})


def page_of_spans(wanted: Wanted, before: Cursor | None) -> KeyPage[Span]:
    """Return one page of stretches, newest first, without their documents."""
    return page_before(wanted.spans(), before, PAGE_SIZE, "seen_at")


def span(number: int) -> Span:
    """Return one stretch. Raises: NotFoundError."""
    found = Span.objects.filter(pk=number).first()
    if found is None:
        raise NotFoundError(
            "No report has this number.", remediation="Reports are kept for 90 days: /doctor/history/ lists them."
        )
    return found


def latest() -> Span | None:
    return Span.objects.first()


def status_word(now: datetime) -> str:
    """Return the cached light, or `unknown` when nobody looked lately."""
    row = Span.objects.values("light", "seen_at").first()
    return str(row["light"]) if row and now - row["seen_at"] <= STALE else "unknown"


def since(span: Span) -> datetime:
    """Return when this span's root cause was first seen, without a gap in between."""
    began = span.started_at
    before = Span.objects.filter(seen_at__lte=span.started_at).exclude(pk=span.pk).defer(*HEAVY)
    for older in before[:KEEP_ROWS].iterator(chunk_size=50):
        if older.root_code != span.root_code or began - older.seen_at > GAP:
            break
        began = older.started_at
    return began


@dataclass(frozen=True)
class Tick:
    """Half an hour of the day: the worst light seen in it, empty when nobody looked."""

    starts_at: datetime
    light: str


def ticks(now: datetime, *, hours: int = 24) -> list[Tick]:
    """Return the last day in bars, the oldest first."""
    bars = int(timedelta(hours=hours) / BAR)
    begin = now - bars * BAR
    spans = list(Span.objects.filter(seen_at__gte=begin).values_list("started_at", "seen_at", "light"))
    return [Tick(start, _worst_in(spans, start, start + BAR)) for start in (begin + n * BAR for n in range(bars))]


def _worst_in(spans: list[tuple[datetime, datetime, str]], start: datetime, end: datetime) -> str:
    seen = (light for began, last, light in spans if began < end and last >= start)
    return max(seen, key=lambda light: RANK[light], default="")


@dataclass(frozen=True)
class Change:
    """One fact that is not what it was when all was green."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class SinceGreen:
    """The last green report against now; `same` names what did not change."""

    green_at: datetime
    changes: tuple[Change, ...]
    same: tuple[str, ...]


def since_green(span: Span) -> SinceGreen | None:
    """Compare with the last green report of the same tier; None while green, or when it never was."""
    if span.light == Light.GREEN:
        return None
    green = Span.objects.filter(light=Light.GREEN, tier=span.tier, seen_at__lte=span.seen_at).first()
    if green is None:
        return None
    facts = list(_compare(green.body, span.body))
    changes = tuple(change for change in facts if change.before != change.after)
    same = tuple(f"{change.what} {change.after}" for change in facts if change.before == change.after and change.after)
    return SinceGreen(green.seen_at, changes, same)


_FACTS = {"version": "", "endpoint": "address", "available": "library", "installed": "enabled version"}


def _compare(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    old = {item["name"]: item for item in before["services"]}
    for item in after["services"]:
        was = old.get(item["name"], {})
        for key, words in _FACTS.items():
            is_twice = key == "version" and item["name"] == "pgvector"  # the same as its `installed`
            if key in item and not is_twice and _is_known(item, key):
                yield Change(f"{item['name']} {words}".strip(), _shown(was, key), _shown(item, key))


def _is_known(service: dict[str, Any], key: str) -> bool:
    """Say whether an empty value is an answer: a version nobody could ask for is not a change of version."""
    is_answer = service["status"] != "skip" and key in ("available", "installed")
    return service[key] is not None or is_answer


def _shown(service: dict[str, Any], key: str) -> str:
    return str(service.get(key) or ("none" if key in ("available", "installed") and service else ""))
