"""Blocks of a COPY stream hold what the driver's own reading gives, and leave the session as it would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from migration.engine.catalog import Connection
from migration.engine.streams import BLOCK_BYTES, read_blocks

STREAMS = {
    "no row": "SELECT 1 WHERE false",
    "rows without a column, as long as the trailer": "SELECT FROM generate_series(1, 7)",
    "rows as long as an empty stream": "SELECT decode(repeat('ab', 15), 'hex') FROM generate_series(1, 2000)",
    "a first row as long as an empty stream": "SELECT FROM generate_series(1, 1)",
    "many small rows": "SELECT i FROM generate_series(1, 200000) i",
    "rows of all sizes": "SELECT repeat('x', i % 997) FROM generate_series(1, 20000) i",
    "a value larger than a block": f"SELECT repeat('y', {3 * BLOCK_BYTES}) FROM generate_series(1, 9)",
}


@pytest.fixture
def session(plain_postgres: Any) -> Iterator[Connection]:
    with psycopg.connect(plain_postgres.url, autocommit=True) as connection:
        yield connection


def copied(query: str, how: str) -> str:
    return f"COPY ({query}) TO STDOUT (FORMAT {how})"


@pytest.mark.parametrize("how", ["binary", "text"])
@pytest.mark.parametrize("name", STREAMS)
def test_blocks_hold_what_the_driver_reads(session: Connection, name: str, how: str) -> None:
    statement = copied(STREAMS[name], how)
    with session.cursor() as cursor, cursor.copy(statement) as reader:  # type: ignore[call-overload]
        wanted = [bytes(row) for row in reader]
    with session.cursor() as cursor, cursor.copy(statement) as reader:  # type: ignore[call-overload]
        blocks = list(read_blocks(session, reader, is_binary=how == "binary"))
    assert [bytes(row) for rows, _ in blocks for row in rows] == wanted
    assert [bytes(block) for _, block in blocks] == [b"".join(rows) for rows, _ in blocks]
    assert all(len(block) >= BLOCK_BYTES for _, block in blocks[:-1])
    assert session.execute("SELECT 1").fetchone() == (1,)


def reading(session: Connection, query: str, at_block: Callable[[int], None]) -> None:
    """Read a stream to its end, if it has one; `at_block` is called with the number of each block."""
    with session.cursor() as cursor, cursor.copy(copied(query, "binary")) as reader:  # type: ignore[call-overload]
        for number, _ in enumerate(read_blocks(session, reader)):
            at_block(number)


def test_what_breaks_in_the_middle_is_told_in_the_servers_words(session: Connection) -> None:
    blocks: list[int] = []
    with pytest.raises(psycopg.errors.DivisionByZero):
        reading(session, "SELECT 10 / (150000 - i) FROM generate_series(1, 200000) i", blocks.append)
    assert blocks
    assert session.execute("SELECT 1").fetchone() == (1,)


def test_a_stream_may_be_left_in_its_middle(session: Connection) -> None:
    def leave(_: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        reading(session, "SELECT i FROM generate_series(1, 3000000) i", leave)
    assert session.execute("SELECT 1").fetchone() == (1,)


def test_a_session_that_ends_in_the_middle_is_a_lost_connection(plain_postgres: Any, session: Connection) -> None:
    def end(number: int) -> None:
        if number == 3:
            with psycopg.connect(plain_postgres.url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (session.info.backend_pid,))

    with pytest.raises(psycopg.OperationalError):
        reading(session, "SELECT repeat('z', 1000) FROM generate_series(1, 3000000) i", end)
    assert session.closed
