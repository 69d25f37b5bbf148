"""The report as the page shows it: root cause, what waits, what else, what passes. Built from the stored report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from doctor import history, latency, services, suppressions
from doctor.history import SinceGreen, Tick
from doctor.models import Span
from doctor.report import Report
from mosaic_admin.codes import Code, ExitCode
from tiers.schema import Tier

TROUBLE = ("fail", "unknown", "warn")
SERVICE_WORDS = {"pass": "Pass", "warn": "Warning", "fail": "Failing", "skip": "Waiting", "unknown": "Unknown"}
TICK_HEIGHTS = {"green": 10, "yellow": 18, "red": 28, "": 4}  # height codes the state as well as colour
TICK_WIDTH = 6


@dataclass(frozen=True)
class Row:
    """One finding of the page."""

    status: str
    service: str
    probe: str
    message: str
    code: str | None
    caused_by: str | None
    seconds: float
    fix: str | None
    command: str | None
    evidence: list[list[str]]
    suppressed: dict[str, str] | None = None

    @property
    def counts(self) -> bool:
        return self.suppressed is None


@dataclass(frozen=True)
class Verdict:
    """The root cause: what it is, what it does to people, how to repair it."""

    row: Row
    code: Code | None
    since: datetime
    effect: str


@dataclass(frozen=True)
class Aside:
    """Something that is put aside now, and its finding when the report has it."""

    pk: int
    code: str
    service: str
    reason: str
    by: str
    until: datetime
    row: Row | None


@dataclass(frozen=True)
class Bar:
    """One bar of the day's picture, in the units of its SVG."""

    x: int
    y: int
    height: int
    tone: str


@dataclass(frozen=True)
class Page:
    """Everything the template needs; empty before the first report."""

    tag: str
    light: str = "unknown"
    checked_at: datetime | None = None
    is_stale: bool = False
    count: int = 0
    seconds: float = 0.0
    verdict: Verdict | None = None
    waiting: tuple[Row, ...] = ()
    others: tuple[Row, ...] = ()
    passing: tuple[Row, ...] = ()
    suppressions: tuple[Aside, ...] = ()
    passing_by_service: str = ""
    services: tuple[dict[str, Any], ...] = ()
    tier: str = ""
    asked_tier: str = ""  # "could I move there?"; empty for this install
    bars: tuple[Bar, ...] = ()
    day: str = ""
    green: SinceGreen | None = None

    @property
    def waiting_names(self) -> str:
        return ", ".join(row.probe for row in self.waiting)

    @property
    def again(self) -> str:
        return f"mosaic doctor --tier {self.asked_tier} --short"

    @property
    def has_run(self) -> bool:
        return self.checked_at is not None

    @property
    def trouble_words(self) -> str:
        counts = Counter(row.status for row in self.others)
        words = {"fail": "failing", "unknown": "unknown", "warn": "warnings"}
        parts = [f"{counts[key]} {word}" for key, word in words.items() if counts[key]]
        return ", ".join([*parts, f"{len(self.passing)} pass"])

    def findings_of(self, code_id: str) -> list[Row]:
        rows = [*([self.verdict.row] if self.verdict else []), *self.others]
        return [row for row in rows if row.code == code_id]


TIERS = tuple(tier.value for tier in Tier)


def preview_of(report: Report) -> Page:
    """Return "could I move there?" as a page: nothing of it is kept."""
    body = report.as_dict()
    evidence = {finding.probe: [list(pair) for pair in finding.evidence] for finding in report.findings}
    span = Span(
        light=body["status"], tier=body["tier"], started_at=report.generated_at, seen_at=report.generated_at, body=body
    )
    span.evidence = evidence
    return replace(_core(span, timezone.now()), tag="preview", asked_tier=report.tier or "")


def past_page(span: Span) -> Page:
    """Return a kept report as a page; what it says is of then."""
    return replace(_core(span, span.seen_at), suppressions=())


def current_page() -> Page:
    """Return the newest report as a page."""
    span = history.latest()
    return page_of(span, timezone.now()) if span else Page(tag="none")


def page_of(span: Span, now: datetime) -> Page:
    ticks = history.ticks(now)
    lines = latency.sparks(now)
    page = _core(span, now)
    return replace(
        page,
        tag=f"{span.pk}-{span.runs}-{page.is_stale}",
        is_stale=now - span.seen_at > history.STALE,
        services=tuple({**item, "spark": lines.get(item["name"])} for item in page.services),
        bars=tuple(_bar(number, tick) for number, tick in enumerate(ticks)),
        day=_day(ticks),
        green=history.since_green(span),
    )


def _core(span: Span, now: datetime) -> Page:
    """Return what one report says, without what came before and after it."""
    rows = [_row(item, span.evidence) for item in span.body["findings"]]
    failing = next((row for row in rows if row.status == "fail" and row.counts), None)
    others = tuple(row for row in rows if row.status in TROUBLE and row is not failing and row.counts)
    passing = tuple(row for row in rows if row.status == "pass" or (row.status == "skip" and not row.caused_by))
    return Page(
        tag="past",
        light=span.light,
        tier=span.tier,
        checked_at=span.seen_at,
        is_stale=now - span.seen_at > history.STALE,
        count=len(rows),
        seconds=span.body["duration_ms"] / 1000,
        verdict=_verdict(failing, span) if failing else None,
        waiting=tuple(row for row in rows if row.status == "skip" and row.caused_by),
        others=others,
        passing=passing,
        suppressions=_suppressions(rows),
        passing_by_service=_by_service(passing),
        services=tuple({**item, "word": SERVICE_WORDS[item["status"]]} for item in span.body["services"]),
    )


def _suppressions(rows: list[Row]) -> tuple[Aside, ...]:
    found = {(row.code, row.service): row for row in rows if not row.counts}
    return tuple(
        Aside(item.pk, item.code, item.service, item.reason, item.by, item.until, found.get((item.code, item.service)))
        for item in suppressions.active()
    )


def _row(item: dict[str, Any], evidence: dict[str, list[list[str]]]) -> Row:
    remedy = item["remediation"] or {}
    return Row(
        status=item["status"],
        service=item["service"],
        probe=item["probe"],
        message=item["message"],
        code=item["code"],
        caused_by=item["caused_by"],
        seconds=item["duration_ms"] / 1000,
        fix=remedy.get("text"),
        command=remedy.get("command"),
        evidence=evidence.get(item["probe"], []),
        suppressed=item.get("suppressed"),
    )


def _verdict(row: Row, span: Span) -> Verdict:
    found = services.all_codes().get(row.code or "")
    return Verdict(row, found, history.since(span) if span.pk else span.started_at, effect_of(found))


def effect_of(code: Code | None) -> str:
    """Say what a failure does to people before its mechanism."""
    number = code.exit_code if code else ExitCode.BUG
    return f"A gateway refuses to start on this (exit {int(number)}). Nothing was changed: the doctor only reads."


def _by_service(rows: tuple[Row, ...]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(row.service for row in rows).items())


TONES = {"green": "ok", "yellow": "warn", "red": "fail", "": "idle"}


def _bar(number: int, tick: Tick) -> Bar:
    height = TICK_HEIGHTS[tick.light]
    return Bar(number * TICK_WIDTH, 32 - height, height, TONES[tick.light])


def _day(ticks: list[Tick]) -> str:
    """Say the day's picture in words: how long it was not green, and how long nobody looked."""
    minutes = {light: 30 * count for light, count in Counter(tick.light for tick in ticks).items()}
    words = {"red": "red", "yellow": "yellow", "": "not looked at"}
    parts = [f"{_hours(minutes[light])} {word}" for light, word in words.items() if minutes.get(light)]
    return (", ".join(parts) or "Green all day") + ". One bar is 30 min."


def _hours(minutes: int) -> str:
    return f"{minutes} min" if minutes < 60 else f"{minutes / 60:g} h"
