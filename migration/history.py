"""Reading jobs: the list with its filters, events, thinned throughput. Every list has a fixed number of queries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Avg, Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Value, Window
from django.db.models.functions import Coalesce
from django.utils import timezone

from migration.jobs import interrupted_rows
from migration.models import EffectiveState, JobState, MigrationEvent, MigrationJob, RunWords
from mosaic_admin.paging import Cursor, KeyPage, page_before
from tiers.schema import Tier, words_of

PAGE_SIZE = 50
LAST_PAGE = 1_000_000  # beyond it a database could not even count to the page's first row
MAX_POINTS = 300  # a chart is at most some 900 px wide
RECENT_EVENTS = 12
EVENTS_PAGE = 200
_NUMBER = re.compile(r"#?(\d{1,17})", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{4,64}")  # fewer characters, as pages group them, would match by chance
HEAVY = ("plan", "result", "progress", "source_document", "target_document", "decisions", "options", "search_text")
TIERS = {tier.value: words_of(tier) for tier in (Tier.LOCAL, Tier.STANDALONE)}  # what a run's row may have for it
PERIODS = {"7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days", "": "Any time"}


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed by; unknown words narrow nothing."""

    text: str = ""
    state: str = ""
    days: str = "90"
    tier: str = ""  # of the source
    person: str = ""  # who asked for it or started it, whole or in part
    since: date | None = None  # both days are part of it, and take the place of `days`
    until: date | None = None

    @classmethod
    def from_query(cls, query: Any) -> Filters:
        state, days, tier = query.get("state", ""), query.get("days", "90"), query.get("tier", "")
        return cls(
            text=_storable(query.get("q", "")).strip()[:200],
            state=state if state in EffectiveState.values else "",
            days=days if days in PERIODS else "90",
            tier=tier if tier in TIERS else "",
            person=_storable(query.get("person", "")).strip()[:150],
            since=_day(query.get("since", "")),
            until=_day(query.get("until", "")),
        )

    @property
    def is_open(self) -> bool:
        """Say whether the rarer filters are in use, so that the page shows them."""
        return bool(self.tier or self.person or self.since or self.until)

    @property
    def is_narrowing(self) -> bool:
        """Say whether few runs are left without the text: the words of those can be looked up one by one."""
        return bool(self.state or self.is_open)

    @property
    def query(self) -> str:
        """The filters as a URL's query; the same words give the same address, for whoever gets the link."""
        values = {
            "q": self.text,
            "state": self.state,
            "tier": self.tier,
            "person": self.person,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        kept = {name: value for name, value in values.items() if value}
        return urlencode(kept if self.since or self.until else kept | {"days": self.days})


def _storable(text: str) -> str:
    """Drop what no row can hold and PostgreSQL refuses to compare with."""
    return text.replace("\0", "").encode(errors="ignore").decode()


def _day(text: str) -> date | None:
    """Return the day; None for none, and for those at the calendar's ends, beside which there is no other."""
    try:
        found = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if date.min < found < date.max else None


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
    """Return one page of jobs, newest first, in four queries at most."""
    rows = _fitting(filters, now or timezone.now())
    page = min(max(page, 1), LAST_PAGE)
    # Which runs, then these runs: the first is read off an index, the rows themselves are as large as their plans.
    numbers, found = _numbers(rows, (page - 1) * PAGE_SIZE, is_slow=bool(filters.text or filters.person))
    jobs = list(MigrationJob.objects.filter(number__in=numbers).defer(*HEAVY))
    return Page(jobs, found, MigrationJob.objects.count(), page)


def _numbers(rows: QuerySet[MigrationJob], first: int, *, is_slow: bool) -> tuple[list[int], int]:
    """Return the numbers of a page and how many there are in all; what has to read every row anyway reads it once."""
    numbers = rows.values_list("number", flat=True)
    if is_slow:
        counted = rows.annotate(found=Window(Count("number"))).values_list("number", "found")
        shown = list(counted[first : first + PAGE_SIZE])
        if shown or first == 0:
            return [number for number, _ in shown], shown[0][1] if shown else 0
    return list(numbers[first : first + PAGE_SIZE]), rows.count()


def _fitting(filters: Filters, now: datetime) -> QuerySet[MigrationJob]:
    """Return the runs that fit. `word` keeps the index on the state out of it: it leads to rows as large as plans."""
    return MigrationJob.objects.alias(word=Coalesce("state", Value(""))).filter(_condition(filters, now))


def _condition(filters: Filters, now: datetime) -> Q:
    condition = Q()
    if filters.since or filters.until:
        condition &= Q(created_at__gte=_start(filters.since)) if filters.since else Q()
        condition &= Q(created_at__lte=datetime.combine(filters.until, time.max, tzinfo=UTC)) if filters.until else Q()
    elif filters.days:
        condition &= Q(created_at__gte=now - timedelta(days=int(filters.days)))
    if filters.state == EffectiveState.INTERRUPTED:
        condition &= interrupted_rows(now)
    elif filters.state in (JobState.RUNNING, JobState.PAUSED):
        condition &= Q(state=filters.state) & ~interrupted_rows(now)
    elif filters.state:
        condition &= Q(word=filters.state)
    if filters.tier:
        condition &= Q(source_tier__in=TIERS[filters.tier])
    if filters.person:
        condition &= Q(created_by_name__icontains=filters.person) | Q(started_by_name__icontains=filters.person)
    return condition & _matches(filters.text.lower().split(), is_narrowed=filters.is_narrowing)


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def all_jobs(filters: Filters, *, now: datetime | None = None) -> QuerySet[MigrationJob]:
    """Return every job that fits, newest first, without its heavy columns: for exports, to be iterated."""
    return _fitting(filters, now or timezone.now()).defer(*HEAVY)


def _matches(words: list[str], *, is_narrowed: bool) -> Q:
    """Every word has to fit. Those that are neither a number nor a hash are looked for together, in one reading."""
    plain = [word for word in words if not _NUMBER.fullmatch(word) and not _HASH.fullmatch(word)]
    condition = _holding(*plain, is_narrowed=is_narrowed) if plain else Q()
    for word in words:
        if word not in plain:
            number = _NUMBER.fullmatch(word)
            is_it = Q(number=int(number[1])) if number else Q()
            is_it |= Q(plan_hash__startswith=word) if _HASH.fullmatch(word) else Q()
            condition &= _holding(word, is_narrowed=is_narrowed) | is_it
    return condition


def _holding(*words: str, is_narrowed: bool) -> Q:
    """Return the condition on a run's words: read from one end to the other, or looked up for the few runs left."""
    found = RunWords.objects.filter(*(Q(text__contains=word) for word in words))
    return Q(Exists(found.filter(job=OuterRef("number")))) if is_narrowed else Q(number__in=found.values("job"))


def events_of(job: MigrationJob, *, limit: int | None = None) -> QuerySet[MigrationEvent]:
    """Return a job's events, newest first."""
    rows = MigrationEvent.objects.filter(job=job)
    return rows[:limit] if limit else rows


def page_of_events(job: MigrationJob, before: Cursor | None, *, size: int | None = None) -> KeyPage[MigrationEvent]:
    """Return one page of a job's events, newest first."""
    return page_before(events_of(job), before, size or EVENTS_PAGE)


def throughput(job: MigrationJob) -> list[tuple[int, float]]:
    """Return at most MAX_POINTS points `(Unix seconds, MB/s)`, oldest first; thinning keeps each bucket's mean."""
    ends = job.samples.aggregate(first=Min("pk"), last=Max("pk"))
    first, last = ends["first"] or 0, ends["last"] or 0
    size = -(-(last - first + 1) // MAX_POINTS)
    buckets = job.samples.values(bucket=(F("pk") - first) / size).annotate(until=Max("at"), mean=Avg("rate"))
    rows = buckets.order_by("bucket").values_list("until", "mean")
    return [(int(at.timestamp()), round(rate / 1_000_000, 3)) for at, rate in rows]
