"""What the engine writes into the ledger (docs/architecture.md). Reading and the epoch are `store.ledger`'s."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from migration.engine.catalog import Connection
from migration.engine.model import ENGINE_VERSION, Plan, RunOptions, TableVerification, VerifyMode
from store.ledger import assert_epoch


@dataclass(frozen=True)
class Claim:
    """A worker's right to write: the run and the epoch it claimed."""

    run_id: UUID
    epoch: int

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """A transaction that commits only while this claim is the newest one."""
        with connection.transaction():
            assert_epoch(connection, self.run_id, self.epoch)
            yield


@dataclass(frozen=True)
class ChunkRow:
    """A range of a table: `lower` ≤ chunk column < `upper`, None for open; `number` counts from 1."""

    table_name: str
    number: int
    lower: str | None
    upper: str | None
    state: str = "waiting"
    rows: int = 0
    bytes: int = 0
    digest: str | None = None


@dataclass(frozen=True)
class DdlRow:
    table_name: str
    kind: str
    name: str
    definition: str
    ordinal: int
    state: str


def insert_run(connection: Connection, run_id: UUID, plan: Plan, options: RunOptions, holder: str) -> None:
    """Create the run's row; the partial unique index refuses a second run that is not cancelled."""
    connection.execute(
        """INSERT INTO mosaic_migration.run (run_id, state, phase, source_system, source_database, source_label,
             target_system, target_database, plan_hash, plan, holder, job_number, engine_version)
           VALUES (%s, 'preparing', 'prepare', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            run_id,
            plan.source.system_id,
            plan.source.database,
            plan.source.label,
            plan.target.system_id,
            plan.target.database,
            plan.hash,
            Jsonb(plan.as_dict()),
            holder,
            options.job_number,
            ENGINE_VERSION,
        ),
    )


def set_plan(connection: Connection, claim: Claim, plan: Plan) -> None:
    """Keep the plan of the newest attempt: it may permit more than the first one did."""
    with claim.transaction(connection):
        connection.execute(
            "UPDATE mosaic_migration.run SET plan_hash = %s, plan = %s WHERE run_id = %s",
            (plan.hash, Jsonb(plan.as_dict()), claim.run_id),
        )


def set_phase(connection: Connection, claim: Claim, phase: str, state: str | None = None) -> None:
    with claim.transaction(connection):
        connection.execute(
            """UPDATE mosaic_migration.run SET phase = %s, state = coalesce(%s, state), updated_at = now(),
                 finished_at = CASE WHEN %s = 'verified' THEN coalesce(finished_at, now()) ELSE finished_at END,
                 verified_at = CASE WHEN %s = 'verified' THEN now() ELSE verified_at END WHERE run_id = %s""",
            (phase, state, state, state, claim.run_id),
        )


def set_snapshot(connection: Connection, claim: Claim, at: Any) -> None:
    with claim.transaction(connection):
        connection.execute("UPDATE mosaic_migration.run SET snapshot_at = %s WHERE run_id = %s", (at, claim.run_id))


def insert_tables(connection: Connection, run_id: UUID, plan: Plan) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO mosaic_migration.table_run (run_id, table_name, ordinal, source_table, decision, key_columns,
                 chunk_column, rows_planned, bytes_planned) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
               ON CONFLICT DO NOTHING""",
            [
                (
                    run_id,
                    t.name,
                    n,
                    t.source_table,
                    t.action.value,
                    list(t.key),
                    t.chunk_column or None,
                    t.rows,
                    t.bytes,
                )
                for n, t in enumerate(plan.copied_tables)
            ],
        )


def insert_chunks(connection: Connection, run_id: UUID, chunks: Iterable[ChunkRow]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO mosaic_migration.chunk (run_id, table_name, number, lower, upper) VALUES (%s, %s, %s, %s, %s)
               ON CONFLICT DO NOTHING""",
            [(run_id, c.table_name, c.number, c.lower, c.upper) for c in chunks],
        )


def read_chunks(connection: Connection, run_id: UUID) -> list[ChunkRow]:
    with connection.cursor(row_factory=class_row(ChunkRow)) as cursor:
        cursor.execute(
            """SELECT c.table_name, number, lower, upper, c.state, rows, bytes, digest FROM mosaic_migration.chunk c
                 JOIN mosaic_migration.table_run t USING (run_id, table_name)
                WHERE run_id = %s ORDER BY t.ordinal, number""",
            (run_id,),
        )
        return cursor.fetchall()


def finish_chunk(connection: Connection, claim: Claim, chunk: ChunkRow, rows: int, size: int, digest: str) -> None:
    """Note a chunk as copied; the caller's transaction holds its rows as well."""
    connection.execute(
        """UPDATE mosaic_migration.chunk SET state = 'copied', rows = %s, bytes = %s, digest = %s, epoch = %s,
             finished_at = now() WHERE run_id = %s AND table_name = %s AND number = %s""",
        (rows, size, digest, claim.epoch, claim.run_id, chunk.table_name, chunk.number),
    )


def reset_chunks(connection: Connection, claim: Claim, table: str, numbers: Sequence[int] | None) -> None:
    """Forget that chunks were copied: some, or with None all of a table; the caller's transaction deletes the rows."""
    connection.execute(
        """UPDATE mosaic_migration.chunk SET state = 'waiting', digest = NULL
            WHERE run_id = %s AND table_name = %s AND (%s::int[] IS NULL OR number = ANY(%s::int[]))""",
        (claim.run_id, table, numbers, numbers),
    )


def update_tables(connection: Connection, claim: Claim) -> None:
    """Sum the chunks up into their tables."""
    with claim.transaction(connection):
        connection.execute(
            """UPDATE mosaic_migration.table_run t SET rows_done = c.rows, bytes_done = c.bytes,
                 state = CASE WHEN c.waiting = 0 THEN 'copied' WHEN c.copied > 0 THEN 'copying' ELSE 'waiting' END,
                 finished_at = CASE WHEN c.waiting = 0 THEN coalesce(t.finished_at, now()) END
               FROM (SELECT table_name, sum(rows) FILTER (WHERE state = 'copied') AS rows, count(*) AS all_chunks,
                       sum(bytes) FILTER (WHERE state = 'copied') AS bytes,
                       count(*) FILTER (WHERE state = 'copied') AS copied,
                       count(*) FILTER (WHERE state <> 'copied') AS waiting
                     FROM mosaic_migration.chunk WHERE run_id = %(run)s GROUP BY table_name) c
              WHERE t.run_id = %(run)s AND t.table_name = c.table_name AND c.copied > 0""",
            {"run": claim.run_id},
        )


def allow_columns(connection: Connection) -> None:
    """Let a ledger that an earlier Mosaic Admin made take columns beside indexes and constraints."""
    row = connection.execute(
        """SELECT pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint
            WHERE conrelid = 'mosaic_migration.ddl'::regclass AND conname = 'ddl_kind_check'"""
    ).fetchone()
    if row is not None and "column" not in row[0]:
        connection.execute("ALTER TABLE mosaic_migration.ddl DROP CONSTRAINT ddl_kind_check")


def insert_ddl(connection: Connection, run_id: UUID, rows: Iterable[DdlRow]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO mosaic_migration.ddl (run_id, table_name, kind, name, definition, ordinal, state)
               VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
            [(run_id, r.table_name, r.kind, r.name, r.definition, r.ordinal, r.state) for r in rows],
        )


def read_ddl(connection: Connection, run_id: UUID) -> list[DdlRow]:
    with connection.cursor(row_factory=class_row(DdlRow)) as cursor:
        cursor.execute(
            """SELECT table_name, kind, name, definition, ordinal, state FROM mosaic_migration.ddl
                WHERE run_id = %s ORDER BY ordinal, table_name, name""",
            (run_id,),
        )
        return cursor.fetchall()


def set_ddl_state(connection: Connection, run_id: UUID, row: DdlRow, state: str) -> None:
    connection.execute(
        """UPDATE mosaic_migration.ddl SET state = %s
            WHERE run_id = %s AND table_name = %s AND kind = %s AND name = %s""",
        (state, run_id, row.table_name, row.kind, row.name),
    )


def save_sequence(connection: Connection, run_id: UUID, name: str, last_value: int, is_called: bool) -> None:
    connection.execute(
        """INSERT INTO mosaic_migration.sequence (run_id, name, last_value, is_called) VALUES (%s, %s, %s, %s)
           ON CONFLICT (run_id, name) DO UPDATE SET last_value = excluded.last_value, is_called = excluded.is_called""",
        (run_id, name, last_value, is_called),
    )


def read_sequences(connection: Connection, run_id: UUID) -> dict[str, tuple[int, bool]]:
    """Return where the source's sequences stood when the target's were set, by the target's names."""
    query = "SELECT name, last_value, is_called FROM mosaic_migration.sequence WHERE run_id = %s"
    return {name: (value, called) for name, value, called in connection.execute(query, (run_id,)).fetchall()}


def insert_reject(connection: Connection, run_id: UUID, table: str, key: str, reason: str, sqlstate: str) -> None:
    connection.execute(
        """INSERT INTO mosaic_migration.reject (run_id, table_name, row_key, reason, sqlstate)
           VALUES (%s, %s, %s, %s, %s)""",
        (run_id, table, key, reason, sqlstate),
    )


def delete_rejects(connection: Connection, claim: Claim, table: str) -> None:
    connection.execute(
        "DELETE FROM mosaic_migration.reject WHERE run_id = %s AND table_name = %s", (claim.run_id, table)
    )


def read_orphaned(connection: Connection, run_id: UUID) -> set[str]:
    """Return the tables with rows that were rejected because they referred to nothing."""
    return set(count_orphaned(connection, run_id))


def count_orphaned(connection: Connection, run_id: UUID) -> dict[str, int]:
    """Return how many rows of each table were copied and then taken out because they referred to nothing."""
    query = """SELECT table_name, count(*) FROM mosaic_migration.reject WHERE run_id = %s AND sqlstate = '23503'
                GROUP BY table_name"""
    return {str(table): int(rows) for table, rows in connection.execute(query, (run_id,)).fetchall()}


def read_rejects(connection: Connection, run_id: UUID) -> dict[str, list[str]]:
    """Return the keys of rejected rows by table."""
    found: dict[str, list[str]] = {}
    rows = connection.execute(
        "SELECT table_name, row_key FROM mosaic_migration.reject WHERE run_id = %s ORDER BY id", (run_id,)
    ).fetchall()
    for table, key in rows:
        found.setdefault(table, []).append(key)
    return found


def save_verification(
    connection: Connection, run_id: UUID, mode: VerifyMode, results: Iterable[TableVerification]
) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO mosaic_migration.verification (run_id, table_name, mode, source_rows, target_rows,
                 source_sum, target_sum, is_equal, differing_keys) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                (run_id, r.name, mode, r.source_rows, r.target_rows, r.source_sum, r.target_sum, r.is_equal,
                 Jsonb(list(r.differing_keys)))
                for r in results
            ],
        )  # fmt: skip


def last_verification(connection: Connection, run_id: UUID, mode: VerifyMode) -> dict[str, tuple[int, str, int, str]]:
    """Return the newest equal verification per table: (source rows, source sum, target rows, target sum)."""
    rows = connection.execute(
        """SELECT DISTINCT ON (table_name) table_name, source_rows, source_sum, target_rows, target_sum
             FROM mosaic_migration.verification WHERE run_id = %s AND mode = %s ORDER BY table_name, id DESC""",
        (run_id, mode),
    ).fetchall()
    return {name: (rows_s, sum_s, rows_t, sum_t) for name, rows_s, sum_s, rows_t, sum_t in rows}
