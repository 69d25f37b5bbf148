"""The copy: chunks by key ranges, streamed from COPY to COPY untouched, each committed with its checkpoint."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import xxhash
from psycopg.abc import Buffer

from migration.engine import ledger_rows as ledger
from migration.engine.building import Builder
from migration.engine.casts import is_reframed
from migration.engine.catalog import Connection, literal
from migration.engine.frames import Reframer
from migration.engine.lanes import Ends, Lane, Watch, is_row_error, run_lanes
from migration.engine.ledger_rows import ChunkRow, Claim
from migration.engine.model import Plan, TablePlan
from migration.engine.ranges import Copied, copy_in, copy_out, copy_raw, where
from migration.engine.rejects import copy_around_rejects
from migration.engine.streams import read_blocks

CHECK_S = 1.0  # Control.check() is promised at least this often


@dataclass(frozen=True)
class Copier:
    """Everything that a copying thread needs beside its lane."""

    plan: Plan
    claim: Claim
    ends: Ends
    watch: Watch
    snapshot: str | None  # None: nobody else has the source, as it is with the copy of a directory
    builder: Builder

    def table(self, name: str) -> TablePlan:
        return next(table for table in self.plan.copied_tables if table.name == name)

    def recheck(self, lane: Lane, chunk: ChunkRow) -> bool:
        """Read a finished chunk on this run's snapshot and say whether it is still what was copied."""
        table = self.table(chunk.table_name)
        assert lane.source is not None
        return self.digest(lane.source, table, chunk) == chunk.digest

    def digest(self, source: Connection, table: TablePlan, chunk: ChunkRow) -> str:
        """Return the digest of a chunk's stream; of its raw values where one of them has no conversion."""
        try:
            return self._digest(source, copy_out(table, chunk))
        except psycopg.DataError:
            return self._digest(source, copy_raw(table, chunk), is_binary=False)

    def _digest(self, source: Connection, statement: str, *, is_binary: bool = True) -> str:
        digest = xxhash.xxh3_128()
        with self.reading(source), source.cursor() as cursor, cursor.copy(statement) as reader:
            for _, block in self._watched(read_blocks(source, reader, is_binary=is_binary)):
                digest.update(block)
        return digest.hexdigest()

    def copy(self, lane: Lane, chunk: ChunkRow) -> None:
        """Copy one chunk in one target transaction; rows that the target cannot take go to the reject table."""
        table = self.table(chunk.table_name)
        assert lane.source is not None
        assert lane.target is not None
        try:
            copied = self._copy_whole(lane.source, lane.target, table, chunk)
        except psycopg.Error as exc:
            if not is_row_error(exc):
                raise
            copied = copy_around_rejects(self, lane.source, lane.target, table, chunk)
        self.watch.tracker.add_rows(table.name, copied.rows)
        self.watch.tracker.finish_chunk(table.name)
        self.builder.keep_tidy(lane.target, table.name, copied.bytes)

    def _copy_whole(self, source: Connection, target: Connection, table: TablePlan, chunk: ChunkRow) -> Copied:
        with self.reading(source), self.claim.transaction(target):
            copied = self.stream(source, target, table, where(table, chunk))
            ledger.finish_chunk(target, self.claim, chunk, copied.rows, copied.bytes, copied.digest)
        return copied

    def stream(self, source: Connection, target: Connection, table: TablePlan, condition: str) -> Copied:
        """Pass a COPY stream through: no row is decoded, and its digest is taken on the way."""
        reframed = sum(map(is_reframed, table.columns))
        reframe = Reframer(reframed)
        digest, size, count = xxhash.xxh3_128(), 0, 0
        with source.cursor() as reading, target.cursor() as writing:
            try:
                with (
                    reading.copy(copy_out(table, condition)) as reader,
                    writing.copy(copy_in(table)) as writer,
                ):
                    for rows, block in self._watched(read_blocks(source, reader)):
                        digest.update(block)
                        size += len(block)
                        writer.write(reframe(rows) if reframed else block)
                        count += len(rows)
                        self.watch.tracker.add_rows(table.name, len(rows))
                return Copied(writing.rowcount, size, digest.hexdigest())
            finally:
                self.watch.tracker.add_rows(table.name, -count)  # counted again, exactly, once it is committed

    def _watched(self, blocks: Iterator[tuple[list[Buffer], Buffer]]) -> Iterator[tuple[list[Buffer], Buffer]]:
        """Yield the stream's blocks as fast as allowed, and look at the control once a second."""
        checked = time.monotonic()
        for rows, block in blocks:
            yield rows, block
            self.watch.throttle.take(len(block), self.watch.control.check)
            if time.monotonic() - checked > CHECK_S:
                self.watch.control.check()
                checked = time.monotonic()

    @contextmanager
    def reading(self, source: Connection) -> Iterator[None]:
        """A transaction on the run's one snapshot."""
        if self.snapshot is None:
            yield
            return
        source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            source.execute(f"SET TRANSACTION SNAPSHOT {literal(self.snapshot)}")
            yield
        finally:
            if not source.closed:
                source.rollback()


def recheck_all(copier: Copier, done: list[ChunkRow], lanes: int) -> list[ChunkRow]:
    """Return the finished chunks whose source is no longer what was copied."""
    changed: list[ChunkRow] = []

    def work(lane: Lane, chunk: ChunkRow) -> None:
        if not copier.recheck(lane, chunk):
            changed.append(chunk)

    run_lanes(copier.ends, copier.watch, done, work, lanes=lanes, use=("source",))
    return changed


def copy_all(copier: Copier, chunks: list[ChunkRow], lanes: int) -> None:
    """Copy these chunks; a table that is full then gets its indexes while the others are still being copied."""
    left = Counter(chunk.table_name for chunk in chunks)
    counting = threading.Lock()

    def work(lane: Lane, chunk: ChunkRow) -> None:
        copier.copy(lane, chunk)
        with counting:
            left[chunk.table_name] -= 1
            is_full = left[chunk.table_name] == 0
        if is_full:
            assert lane.target is not None
            copier.builder.begin(lane.target, chunk.table_name)

    run_lanes(copier.ends, copier.watch, _in_order(copier.plan, chunks), work, lanes=lanes, beside=copier.builder.lanes)


def _in_order(plan: Plan, chunks: list[ChunkRow]) -> list[ChunkRow]:
    """Tables whose indexes take the longest come first: insights, whose vectors do, then the largest."""
    sizes = {table.name: (table.name != "insights", -table.bytes) for table in plan.copied_tables}
    return sorted(chunks, key=lambda chunk: (sizes[chunk.table_name], chunk.table_name, chunk.number))
