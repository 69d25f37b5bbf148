"""Pages of long lists by key, good for millions of rows: each begins where the one before ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Cursor:
    """A place in a list that begins with the newest: everything shown so far is newer than this."""

    at: datetime
    number: int

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}_{self.number}"

    @classmethod
    def read(cls, text: str) -> Cursor | None:
        """Return the cursor, or None for what is no cursor: an address that somebody cut off shows the newest page."""
        moment, _, number = text.partition("_")
        try:
            return cls(datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC), int(number))
        except ValueError:
            return None

    @classmethod
    def of(cls, row: Any, field: str = "at") -> Cursor:
        return cls(getattr(row, field), row.pk)


@dataclass(frozen=True)
class KeyPage(Generic[Row]):
    """Up to a page of rows, newest first, and where the older ones begin (None: there are none)."""

    rows: list[Row]
    older: Cursor | None


def page_before(rows: QuerySet[Row], before: Cursor | None, size: int, field: str = "at") -> KeyPage[Row]:
    """Return one page of rows that are in the order (-`field`, -id), by one query for one row more."""
    found = list(older_than(rows, before, field)[: size + 1])
    shown = found[:size]
    return KeyPage(shown, Cursor.of(shown[-1], field) if len(found) > size else None)


def older_than(rows: QuerySet[Row], before: Cursor | None, field: str = "at") -> QuerySet[Row]:
    if before is None:
        return rows
    # The first condition says nothing new; it is what lets the database start in the middle of the index.
    rows = rows.filter(**{f"{field}__lte": before.at})
    return rows.filter(Q(**{f"{field}__lt": before.at}) | Q(id__lt=before.number))


def in_pieces(lines: Iterable[str], size: int = 200) -> Iterator[str]:
    """Yield lines joined by the hundred: a write to the network for each would cost more than the line."""
    left = iter(lines)
    while piece := "".join(islice(left, size)):
        yield piece
