"""Reading jobs: the list with its filters, events, thinned throughput. Every list has a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from migration.jobs import interrupted_rows
from migration.models import EffectiveState, JobState, MigrationEvent, MigrationJob

PAGE_SIZE = 50
MAX_POINTS = 300  # a chart is at most some 900 px wide
RECENT_EVENTS = 12
HASH_PREFIX = 4  # as pages show a hash: fewer characters would match by chance
HEAVY = ("plan", "result", "progress", "source_document", "target_document", "decisions", "options", "search_text")
PERIODS = {"7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days", "": "Any time"}


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed by; unknown words narrow nothing."""

    text: str = ""
    state: str = ""
    days: str = "90"

    @classmethod
    def from_query(cls, query: Any) -> Filters:
        state, days = query.get("state", ""), query.get("days", "90")
        return cls(
            text=query.get("q", "").strip()[:200],
            state=state if state in EffectiveState.values else "",
            days=days if days in PERIODS else "90",
        )


@dataclass(frozen=True)
class Page:
    jobs: list[MigrationJob]
    found: int
    total: int
    number: int

    @property
    def has_next(self) -> bool:
        return self.number * PAGE_SIZE < self.found

    @property
    def next_number(self) -> int:
        return self.number + 1


def list_jobs(filters: Filters, *, page: int = 1, now: datetime | None = None) -> Page:
    """Return one page of jobs, newest first, in three queries."""
    now = now or timezone.now()
    rows = MigrationJob.objects.filter(_condition(filters, now))
    first = (max(page, 1) - 1) * PAGE_SIZE
    jobs = list(rows.defer(*HEAVY)[first : first + PAGE_SIZE])
    return Page(jobs, rows.count(), MigrationJob.objects.count(), max(page, 1))


def _condition(filters: Filters, now: datetime) -> Q:
    condition = Q()
    if filters.days:
        condition &= Q(created_at__gte=now - timedelta(days=int(filters.days)))
    if filters.state == EffectiveState.INTERRUPTED:
        condition &= interrupted_rows(now)
    elif filters.state in (JobState.RUNNING, JobState.PAUSED):
        condition &= Q(state=filters.state) & ~interrupted_rows(now)
    elif filters.state:
        condition &= Q(state=filters.state)
    for word in filters.text.lower().split():
        condition &= _matches(word)
    return condition


def _matches(word: str) -> Q:
    number = word.removeprefix("#")
    condition = Q(search_text__contains=word) | Q(error_code__icontains=word) | Q(error_message__icontains=word)
    condition |= Q(started_by_name__icontains=word)
    if len(word) >= HASH_PREFIX:
        condition |= Q(plan_hash__startswith=word)
    return condition | Q(number=int(number)) if number.isdecimal() and len(number) < 18 else condition


def events_of(job: MigrationJob, *, limit: int | None = None) -> QuerySet[MigrationEvent]:
    """Return a job's events, newest first."""
    rows = MigrationEvent.objects.filter(job=job)
    return rows[:limit] if limit else rows


def throughput(job: MigrationJob) -> list[tuple[int, float]]:
    """Return at most MAX_POINTS points `(Unix seconds, MB/s)`, oldest first; thinning keeps each bucket's mean."""
    rows = job.samples.values_list("at", "rate")
    points = [(int(at.timestamp()), rate / 1_000_000) for at, rate in rows]
    if len(points) <= MAX_POINTS:
        return [(at, round(rate, 3)) for at, rate in points]
    size = -(-len(points) // MAX_POINTS)
    buckets = (points[start : start + size] for start in range(0, len(points), size))
    return [(bucket[-1][0], round(sum(rate for _, rate in bucket) / len(bucket), 3)) for bucket in buckets]
