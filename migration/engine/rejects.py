"""A chunk that the target refuses: halved until the refused rows stand alone, each kept with its reason."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from migration.engine import ledger_rows as ledger
from migration.engine import ranges
from migration.engine.catalog import Connection, literal, quote
from migration.engine.lanes import is_row_error
from migration.engine.ledger_rows import ChunkRow
from migration.engine.model import TablePlan

if TYPE_CHECKING:
    from migration.engine.copy import Copier

# Fixed sentences: a driver's message quotes the row.
_REASONS = {
    "23502": "a required value is missing",
    "23503": "it refers to a row that does not exist",
    "23505": "another row has the same unique value",
    "23514": "a rule of the store (CHECK) forbids it",
    "22001": "a text is too long",
    "22003": "a number is out of range",
    "22P02": "a text is not a value of the type",
    "22021": "a text is not valid UTF-8",
    "22000": "a value of the wrong shape, such as a vector of no or other dimensions, or with NaN in it",
    "22P05": "a character that PostgreSQL cannot keep",
    "54000": "a vector has too many dimensions",
    "23P01": "an exclusion rule forbids it beside another row",
}


PAGE_ROWS = 5_000  # keys in memory at a time


def reason(sqlstate: str | None) -> str:
    return _REASONS.get(sqlstate or "", "the target refused the row")


@dataclass(frozen=True)
class _Key:
    """A row's place: its key as texts, and its name in the reject table."""

    values: tuple[str, ...]
    shown: str


def copy_around_rejects(
    copier: Copier, source: Connection, target: Connection, table: TablePlan, chunk: ChunkRow
) -> ranges.Copied:
    """Copy a chunk's good rows and note the others, in one target transaction.

    Keys are read a page at a time, so that a table of one chunk needs no more memory than any other.
    """
    rows = size = 0
    with copier.claim.transaction(target):
        target.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a deferred one would fail at the commit, naming no row
        for keys in _pages(copier, source, table, chunk):
            part = _copy_page(copier, source, target, table, chunk, keys)
            rows, size = rows + part.rows, size + part.bytes
        digest = copier.digest(source, table, chunk)
        ledger.finish_chunk(target, copier.claim, chunk, rows, size, digest)
    return ranges.Copied(rows, size, digest)


def _copy_page(
    copier: Copier, source: Connection, target: Connection, table: TablePlan, chunk: ChunkRow, keys: list[_Key]
) -> ranges.Copied:
    """Halve what fails until single rows remain."""
    rows = size = 0
    pending = deque([(0, len(keys))])
    while pending:
        copier.watch.control.check()
        low, high = pending.popleft()
        try:
            with target.transaction(), copier.reading(source):
                part = copier.stream(source, target, table, _between(table, chunk, keys[low], keys[high - 1]))
            rows, size = rows + part.rows, size + part.bytes
        except psycopg.Error as exc:
            if not is_row_error(exc):
                raise
            if high - low > 1:
                middle = (low + high) // 2
                pending.extendleft([(middle, high), (low, middle)])
            else:
                shown, state = keys[low].shown, exc.sqlstate or ""
                ledger.insert_reject(target, copier.claim.run_id, table.name, shown, reason(state), state)
    return ranges.Copied(rows, size, "")


def _pages(copier: Copier, source: Connection, table: TablePlan, chunk: ChunkRow) -> Iterator[list[_Key]]:
    # each under a name that no column has: ORDER BY would take a text called "id" for the id, and rows between get lost
    columns = ", ".join(f'{name}::text AS "{n} of the key"' for n, name in enumerate(_place(table), 1))
    shown, order = ranges.refused_key(table), ", ".join(_ordering(table))
    after = ""
    while True:
        query = (
            f'SELECT {shown} AS "name of the row", {columns} FROM {ranges.source_rows(table)} '
            f"WHERE {ranges.where(table, chunk)}{after} ORDER BY {order} LIMIT {PAGE_ROWS}"
        )
        with copier.reading(source):
            keys = [_Key(values, name) for name, *values in source.execute(query).fetchall()]
        if not keys:
            return
        yield keys
        after = f" AND ({order}) > {_values(keys[-1])}"


def _place(table: TablePlan) -> list[str]:
    """Return what tells a table's rows apart: within one snapshot a row stays where it is."""
    return [quote(name) for name in table.key] if table.key else ["tableoid", "ctid"]


def _ordering(table: TablePlan) -> list[str]:
    return ranges.ordering(table) if table.key else _place(table)


def _values(key: _Key) -> str:
    """A row of texts without a type: each takes that of the column beside it, whatever schema that one lies in."""
    return f"({', '.join(map(literal, key.values))})"


def _between(table: TablePlan, chunk: ChunkRow, first: _Key, last: _Key) -> str:
    place = f"({', '.join(_ordering(table))})"
    return f"{ranges.where(table, chunk)} AND {place} >= {_values(first)} AND {place} <= {_values(last)}"
