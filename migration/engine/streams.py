"""COPY streams as blocks: many rows at once, for a step of Python's for each row would cost more than the row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
from psycopg import errors
from psycopg.abc import Buffer

from migration.engine.catalog import Connection

BLOCK_BYTES = 64 << 10  # less processor time than 128 or 256 KiB: a block and its copies stay in the cache
_ENDS = (2, 21)  # length of a binary stream's last message: the trailer, or the header and the trailer of an empty one


def read_blocks(
    connection: Connection, reader: psycopg.Copy, *, is_binary: bool = True
) -> Iterator[tuple[list[Buffer], Buffer]]:
    """Yield a COPY's rows, each as the server sent it, about BLOCK_BYTES at a time, and the same as one block.

    The driver waits for a row; what has come with it is taken straight from libpq. Taking the end from under the driver
    would leave it waiting, so after a row that may be the last one the next is the driver's again; in a text stream
    every row may be.
    """
    take = connection.pgconn.get_copy_data
    rows: list[Buffer] = []
    size = 0
    while row := reader.read():
        length = len(row)
        while length > 0:
            rows.append(row)
            size += length
            if size >= BLOCK_BYTES:
                yield rows, _joined(rows)
                rows, size = [], 0
            if not is_binary or length in _ENDS:
                break
            length, row = take(1)
        if length < 0:
            raise _failure(connection)
    if rows:
        yield rows, _joined(rows)


def _failure(connection: Connection) -> psycopg.Error:
    """Return what ended a stream before its end."""
    result = connection.pgconn.get_result()
    while connection.pgconn.get_result():
        pass  # the server's last word, "ready for query"
    return errors.error_from_result(result) if result else psycopg.OperationalError("the stream broke off")


def _joined(rows: Sequence[Buffer]) -> Buffer:
    return rows[0] if len(rows) == 1 else b"".join(rows)  # a large value is not copied once more
