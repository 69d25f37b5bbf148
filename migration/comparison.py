"""Two runs side by side: what differs between them, from their rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import pluralize

from migration.engine.model import Phase
from migration.models import MigrationJob
from migration.pages import RunPage
from mosaic_admin.templatetags.looks import bytes as size_words
from mosaic_admin.templatetags.looks import count, duration, utc

NOTABLE_S = 0.1  # below it two times are the same to whoever waits


@dataclass(frozen=True)
class Line:
    """One fact of both runs, in words."""

    label: str
    first: str
    second: str
    note: str = ""  # how far apart both are, where that says more than that they differ
    is_close: bool = False  # not to the letter the same, and nobody would care

    @property
    def differs(self) -> bool:
        return self.first != self.second and not self.is_close


@dataclass(frozen=True)
class Section:
    title: str
    lines: tuple[Line, ...]

    @property
    def differing(self) -> int:
        return sum(line.differs for line in self.lines)


def compare(first: MigrationJob, second: MigrationJob) -> list[Section]:
    """Return the facts of two runs in sections; what neither has is left out."""
    pages = (RunPage(first), RunPage(second))
    sections = (
        ("Run", _facts(pages)),
        ("Time per phase", _phases(pages)),
        ("Tables", _tables(pages)),
        ("Decisions", _decisions(pages)),
    )
    told = (Section(title, tuple(line for line in lines if line.first or line.second)) for title, lines in sections)
    return [section for section in told if section.lines]


Pages = tuple[RunPage, RunPage]


def _line(label: str, pages: Pages, read: Callable[[RunPage], Any]) -> Line:
    first, second = (str(read(page) or "") for page in pages)
    return Line(label, first, second)


def _facts(pages: Pages) -> Iterator[Line]:
    yield _line("State", pages, lambda page: page.state.label)
    yield _line("Error", pages, lambda page: page.job.error_code)
    yield _line("Source", pages, lambda page: page.plan.get("source", {}).get("display"))
    yield _line("Target", pages, lambda page: page.plan.get("target", {}).get("display"))
    yield _line("Versions", pages, lambda page: page.versions)
    yield _line("Engine", pages, lambda page: page.plan.get("engine_version"))
    yield _line("Plan", pages, lambda page: page.short_hash)
    yield _line("Started", pages, lambda page: utc(page.job.started_at, "short") if page.job.started_at else "")
    yield _line("By", pages, lambda page: page.job.started_by_name or page.job.created_by_name)
    yield _time_line("Ran for", *(page.job.duration_s for page in pages))
    yield _line(
        "Resumed",
        pages,
        lambda page: f"{page.job.resumes} time{pluralize(page.job.resumes)}" if page.job.resumes else "",
    )
    yield _line("Speed limit", pages, lambda page: f"{page.job.max_mb_s:g} MB/s" if page.job.max_mb_s else "")
    yield _line("Moved", pages, lambda page: f"{_rows(page.job.rows_done)}, {size_words(page.job.bytes_done)}")
    yield _line("Rejected", pages, lambda page: _rows(page.rejects) if page.rejects else "")
    yield _line("Differences", pages, lambda page: str(page.difference_count) if page.verification else "")


def _rows(number: int) -> str:
    return f"{count(number)} row{pluralize(number)}"


def _phases(pages: Pages) -> Iterator[Line]:
    taken = [{**page.progress.get("phases", {}), **((page.job.result or {}).get("durations") or {})} for page in pages]
    for phase in Phase:
        yield _time_line(phase.value.capitalize(), *(times.get(phase.value) for times in taken))


def _time_line(label: str, first: float | None, second: float | None) -> Line:
    """Return both times and by how much the second run was slower or faster; no two take the same to the letter."""
    here, there = ("" if seconds is None else duration(seconds) for seconds in (first, second))
    if first is None or second is None:
        return Line(label, here, there)
    apart = second - first
    if abs(apart) < NOTABLE_S:
        return Line(label, here, there, is_close=True)
    return Line(label, here, there, note=f"{duration(abs(apart))} {'longer' if apart > 0 else 'shorter'}")


def _tables(pages: Pages) -> Iterator[Line]:
    """Rows and sum where a run was verified, else what its plan says of the table."""
    found = [_table_words(page) for page in pages]
    for name in sorted(found[0].keys() | found[1].keys()):
        yield Line(name, found[0].get(name, ""), found[1].get(name, ""))


def _table_words(page: RunPage) -> dict[str, str]:
    words = {table["name"]: f"{table['action']}, {_rows(table['rows'])}" for table in page.plan.get("tables", [])}
    for table in page.verification.get("tables", []):
        equal = "equal" if table["is_equal"] else "different"
        words[table["name"]] = f"{_rows(table['source_rows'])}, {equal}, sum {table['source_sum'][:12]}"
    return words


def _decisions(pages: Pages) -> Iterator[Line]:
    first, second = (page.job.decisions or {} for page in pages)
    for name in sorted(first.keys() | second.keys()):
        here, there = _words(first.get(name)), _words(second.get(name))
        if here or there:
            yield Line(name.replace("_", " ").capitalize(), here, there)


def _words(value: Any) -> str:
    if value is True:
        return "yes"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {why}" for name, why in sorted(value.items()))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value) if value else ""
