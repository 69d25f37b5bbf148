"""A chunk that the target refuses: halved until the refused rows stand alone, each kept with its reason."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import psycopg
import xxhash

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
}


def reason(sqlstate: str | None) -> str:
    return _REASONS.get(sqlstate or "", "the target refused the row")


def copy_around_rejects(
    copier: Copier, source: Connection, target: Connection, table: TablePlan, chunk: ChunkRow
) -> ranges.Copied:
    """Copy a chunk's good rows and note the others, in one target transaction."""
    rows = size = 0
    with copier.claim.transaction(target):
        keys = _keys(copier, source, table, chunk)
        pending = deque([(0, len(keys))])
        while pending:
            low, high = pending.popleft()
            if low >= high:
                continue
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
                    shown = " · ".join(keys[low])
                    ledger.insert_reject(
                        target, copier.claim.run_id, table.name, shown, reason(exc.sqlstate), exc.sqlstate or ""
                    )
        digest = _digest(copier, source, table, chunk)
        ledger.finish_chunk(target, copier.claim, chunk, rows, size, digest)
    return ranges.Copied(rows, size, digest)


def _keys(copier: Copier, source: Connection, table: TablePlan, chunk: ChunkRow) -> list[tuple[str, ...]]:
    columns = ", ".join(f"{quote(name)}::text" for name in table.key)
    order = ", ".join(ranges.ordering(table))
    query = f"SELECT {columns} FROM {ranges.source_rows(table)} WHERE {ranges.where(table, chunk)} ORDER BY {order}"
    with copier.reading(source):
        return source.execute(query).fetchall()


def _between(table: TablePlan, chunk: ChunkRow, first: tuple[str, ...], last: tuple[str, ...]) -> str:
    types = {column.source: column.source_type for column in table.columns if column.target != "origin_id"}
    key = f"({', '.join(ranges.ordering(table))})"

    def values(row: tuple[str, ...]) -> str:
        return f"({', '.join(f'{literal(v)}::{types[name]}' for name, v in zip(table.key, row, strict=True))})"

    return f"{ranges.where(table, chunk)} AND {key} >= {values(first)} AND {key} <= {values(last)}"


def _digest(copier: Copier, source: Connection, table: TablePlan, chunk: ChunkRow) -> str:
    """The digest of the whole chunk as the source has it: a resume compares with the same stream."""
    digest = xxhash.xxh3_128()
    statement = ranges.copy_out(table, chunk)
    with copier.reading(source), source.cursor() as cursor, cursor.copy(statement) as reader:
        for block in reader:
            digest.update(block)
    return digest.hexdigest()
