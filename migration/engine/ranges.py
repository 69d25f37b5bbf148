"""The SQL of chunks: which rows of a table one chunk is, read, written, and found again in the target."""

from __future__ import annotations

from dataclasses import dataclass

from migration.engine.casts import copies_as_text, select_expression
from migration.engine.catalog import Connection, literal, quote
from migration.engine.ledger_rows import ChunkRow
from migration.engine.model import TablePlan
from migration.engine.tables import is_plain


@dataclass(frozen=True)
class Copied:
    rows: int
    bytes: int
    digest: str


def source_rows(table: TablePlan) -> str:
    """Return what to read for a table's own rows (see `SourceTable.rows_sql`)."""
    name = f"public.{quote(table.source_table)}"
    return name if table.is_partitioned else f"ONLY {name}"


def copy_out(table: TablePlan, chunk: ChunkRow | str) -> str:
    """The COPY that reads one chunk, in key order so that equal rows give an equal stream."""
    condition = chunk if isinstance(chunk, str) else where(table, chunk)
    columns = ", ".join(select_expression(column) for column in table.columns)
    order = f" ORDER BY {', '.join(ordering(table))}" if table.key else ""
    query = f"SELECT {columns} FROM {source_rows(table)} WHERE {condition}{order}"
    return f"COPY ({query}) TO STDOUT{_format(table)}"


def copy_in(table: TablePlan) -> str:
    columns = ", ".join(quote(column.target) for column in table.columns)
    return f"COPY public.{quote(table.name)} ({columns}) FROM STDIN{_format(table)}"


def _format(table: TablePlan) -> str:
    return "" if copies_as_text(table) else " (FORMAT BINARY)"


def ordering(table: TablePlan) -> list[str]:
    return [collated(table, name) for name in table.key]


def collated(table: TablePlan, name: str) -> str:
    """A key column of the source, with an order that is the same on every server."""
    return _collated(name, next((c.source_type for c in table.columns if c.source == name), ""))


def _collated(name: str, type_name: str) -> str:
    is_text = type_name == "text" or type_name.startswith("character varying")
    return f'{quote(name)} COLLATE "C"' if is_text else quote(name)


def where(table: TablePlan, chunk: ChunkRow) -> str:
    return _range(collated(table, table.chunk_column), table, chunk) if table.chunk_column else "true"


def _range(column: str, table: TablePlan, chunk: ChunkRow) -> str:
    source_type = next(c.source_type for c in table.columns if c.source == table.chunk_column)
    parts = []
    if chunk.lower is not None:
        parts.append(f"{column} >= {literal(chunk.lower)}::{source_type}")
    if chunk.upper is not None:
        parts.append(f"{column} < {literal(chunk.upper)}::{source_type}")
    return " AND ".join(parts) or "true"


def can_replace(table: TablePlan) -> bool:
    """Say whether a chunk's rows can be found in the target again by the chunk's range."""
    return bool(table.chunk_column) and is_plain(table, table.chunk_column)


def target_where(table: TablePlan, chunk: ChunkRow) -> str:
    """The same rows in the target: the bounds were cut in the order of "C", whatever the target's collation."""
    planned = next(c for c in table.columns if c.source == table.chunk_column and c.target != "origin_id")
    return _range(_collated(planned.target, planned.target_type), table, chunk)


def delete_range(target: Connection, table: TablePlan, chunk: ChunkRow) -> None:
    """Remove the rows that this run wrote for a chunk whose source has changed since."""
    target.execute(f"DELETE FROM public.{quote(table.name)} WHERE {target_where(table, chunk)}")


def boundaries(source: Connection, table: TablePlan, chunk_rows: int) -> list[ChunkRow]:
    """Cut a table into ranges of about `chunk_rows` rows, in one pass over its key; the outer ends stay open."""
    if not table.chunk_column:
        return [ChunkRow(table.name, 1, None, None)]
    column = collated(table, table.chunk_column)
    query = (
        f"SELECT k::text FROM (SELECT {column} AS k, row_number() OVER (ORDER BY {column}) AS n "
        f"FROM {source_rows(table)}) s WHERE n > 1 AND n % {max(chunk_rows, 2):d} = 1 ORDER BY n"
    )
    rows = source.execute(query).fetchall()  # no parameters: a name may hold a percent sign
    cuts = list(dict.fromkeys(str(key) for (key,) in rows))
    lowers, uppers = [None, *cuts], [*cuts, None]
    return [
        ChunkRow(table.name, n, lower, upper) for n, (lower, upper) in enumerate(zip(lowers, uppers, strict=True), 1)
    ]
