"""The SQL of chunks: which rows of a table one chunk is, read, written, and found again in the target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from uuid import UUID

import psycopg

from migration.engine.casts import comparable, is_reframed, select_expression
from migration.engine.catalog import Connection, literal, quote
from migration.engine.ledger_rows import ChunkRow
from migration.engine.model import ColumnPlan, TablePlan
from migration.engine.tables import TID

PAGE_BYTES = 8_192
CHUNK_BYTES = 64 << 20  # a chunk is what a crash costs: large rows make it fewer


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
    """The COPY that reads one chunk, in an order that gives equal rows an equal stream: by place, else by key."""
    condition = chunk if isinstance(chunk, str) else where(table, chunk)
    columns = ", ".join(select_expression(column) for column in wire_columns(table))
    query = f"SELECT {columns} FROM {source_rows(table)} WHERE {condition}{_order(table)}"
    return f"COPY ({query}) TO STDOUT (FORMAT BINARY)"


def copy_raw(table: TablePlan, chunk: ChunkRow) -> str:
    """The COPY of a chunk as the source keeps it: for a digest where a row's value has no conversion."""
    columns = ", ".join(dict.fromkeys(quote(column.source) for column in table.columns))
    return f"COPY (SELECT {columns} FROM {source_rows(table)} WHERE {where(table, chunk)}{_order(table)}) TO STDOUT"


def _order(table: TablePlan) -> str:
    by_key = table.key and table.chunk_column != TID
    return f" ORDER BY {', '.join(ordering(table))}" if by_key else ""


def shown_key(table: TablePlan) -> tuple[str, str]:
    """Return how source and target name a row in rejects and differences: a text, equal on both ends.

    A row without a key is named by a hash of its values, so that no data gets into reports.
    """
    if not table.key:
        pairs = [comparable(column) for column in table.columns]
        here, there = (f"'row ' || md5((ROW({', '.join(pair[end] for pair in pairs)}))::text)" for end in (0, 1))
        return here, there
    origin = next((column for column in table.columns if column.target == "origin_id"), None)
    shown = []
    for name in table.key:
        column = next(c for c in table.columns if c.source == name and c.target != "origin_id")
        here, there = f"({select_expression(column)})::text", f"{quote(column.target)}::text"
        if origin and column.target == "id":
            here, there = f"coalesce({select_expression(origin)}, {here})", f"coalesce(origin_id, {there})"
        shown.append((here, there))
    here, there = (" || ' · ' || ".join(pair[end] for pair in shown) for end in (0, 1))
    return here, there


def refused_key(table: TablePlan) -> str:
    """Return how a source row is named that was refused on its way.

    Without a key it is a hash of the values as they are: one that has no conversion is often why.
    """
    if table.key:
        return shown_key(table)[0]
    columns = ", ".join(dict.fromkeys(quote(column.source) for column in table.columns))
    return f"'row ' || md5((ROW({columns}))::text) || ' of the source'"


def not_rejected(table: TablePlan, rejected: list[str]) -> str:
    """Return a condition for the source's rows that are not among the rejected ones; it converts none that are."""
    names = ", ".join(map(literal, rejected))
    condition = f"{shown_key(table)[0]} NOT IN ({names})"  # orphans are named by what had arrived of them
    return condition if table.key else f"CASE WHEN {refused_key(table)} IN ({names}) THEN false ELSE {condition} END"


def copy_in(table: TablePlan) -> str:
    columns = ", ".join(quote(column.target) for column in wire_columns(table))
    return f"COPY public.{quote(table.name)} ({columns}) FROM STDIN (FORMAT BINARY)"


def wire_columns(table: TablePlan) -> list[ColumnPlan]:
    """The columns in the order of the stream: those that are framed anew on the way come first, where they are found
    without decoding what stands before them."""
    return sorted(table.columns, key=lambda column: not is_reframed(column))


def ordering(table: TablePlan) -> list[str]:
    return [collated(table, name) for name in table.key]


def collated(table: TablePlan, name: str) -> str:
    """A key column of the source, with an order that is the same on every server."""
    return _collated(name, next((c.source_type for c in table.columns if c.source == name), ""))


def _collated(name: str, type_name: str) -> str:
    if type_name.endswith("citext"):  # its operators lie in a schema that is not searched
        return f'{quote(name)}::text COLLATE "C"'
    is_text = type_name == "text" or type_name.startswith("character varying")
    return f'{quote(name)} COLLATE "C"' if is_text else quote(name)


def where(table: TablePlan, chunk: ChunkRow) -> str:
    """The rows of a chunk in the source."""
    if not table.chunk_column:
        return "true"
    if table.chunk_column == TID:
        column, type_name = TID, "tid"
    else:
        column = collated(table, table.chunk_column)
        type_name = next(c.source_type for c in table.columns if c.source == table.chunk_column)
    parts = []
    if chunk.lower is not None:
        parts.append(f"{column} >= {literal(chunk.lower)}::{type_name}")
    if chunk.upper is not None:
        parts.append(f"{column} < {literal(chunk.upper)}::{type_name}")
    return " AND ".join(parts) or "true"


def delete_chunks(target: Connection, run_id: UUID, table: TablePlan, chunks: list[ChunkRow]) -> bool:
    """Remove exactly the rows that this run wrote for some chunks; False, with nothing removed, if they can't be told.

    A chunk's rows and its line in the ledger were written by one transaction, so they carry the same xmin: that finds
    the rows of any table again, with a key or without.
    """
    find = f"""xmin::text IN (SELECT c.xmin::text FROM mosaic_migration.chunk c WHERE c.run_id = {literal(str(run_id))}
        AND c.table_name = %s AND c.number = ANY(%s) AND c.state = 'copied')"""
    wanted = sum(chunk.rows for chunk in chunks)
    statement = f"DELETE FROM public.{quote(table.name).replace('%', '%%')} WHERE {find}"
    with target.transaction() as part:
        deleted = target.execute(statement, (table.name, [chunk.number for chunk in chunks])).rowcount
        if deleted != wanted:
            raise psycopg.Rollback(part)
    return deleted == wanted


def boundaries(source: Connection, table: TablePlan, chunk_rows: int) -> list[ChunkRow]:
    """Cut a table into ranges of about `chunk_rows` rows; the outer ends stay open."""
    if not table.chunk_column:
        return [ChunkRow(table.name, 1, None, None)]
    cuts = _page_cuts(source, table, chunk_rows) if table.chunk_column == TID else _key_cuts(source, table, chunk_rows)
    lowers, uppers = [None, *cuts], [*cuts, None]
    return [
        ChunkRow(table.name, n, lower, upper) for n, (lower, upper) in enumerate(zip(lowers, uppers, strict=True), 1)
    ]


def _page_cuts(source: Connection, table: TablePlan, chunk_rows: int) -> list[str]:
    """By place: each page is read once, whatever the order of the keys is."""
    size = source.execute("SELECT pg_catalog.pg_relation_size(%s::regclass)", (f"public.{quote(table.source_table)}",))
    row = size.fetchone()
    pages = int(row[0]) // PAGE_BYTES if row else 0
    chunks = max(math.ceil(table.rows / max(chunk_rows, 2)), math.ceil(table.bytes / CHUNK_BYTES), 1)
    step = max(1, math.ceil(pages / chunks))
    return [f"({page},0)" for page in range(step, pages, step)]


def _key_cuts(source: Connection, table: TablePlan, chunk_rows: int) -> list[str]:
    """By the key's first column, in one pass over it: rows of several partitions share their places."""
    column = collated(table, table.chunk_column)
    query = (
        f"SELECT k::text FROM (SELECT {column} AS k, row_number() OVER (ORDER BY {column}) AS n "
        f"FROM {source_rows(table)}) s WHERE n > 1 AND n % {max(chunk_rows, 2):d} = 1 ORDER BY n"
    )
    rows = source.execute(query).fetchall()  # no parameters: a name may hold a percent sign
    return list(dict.fromkeys(str(key) for (key,) in rows))
