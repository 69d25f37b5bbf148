"""The ledger: schema `mosaic_migration` in a migration's target, its fencing epoch, and the store's lock.

The tables and their meaning are a contract (docs/architecture.md): ledgers lie in people's databases.
The engine writes the rows; gateways only read them and stamp their first write.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import errors as pg_errors
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row, scalar_row

from mosaic_admin.errors import MosaicError
from store import codes
from store.ledger_ddl import LEDGER_VERSION, SCHEMA, STATEMENTS
from store.ledger_owner import LedgerOwnerError, refuse_foreign_owner
from store.lock import (
    LOCK_CLASS,
    LOCK_OBJECT,
    LockHolder,
    StoreBusyError,
    StoreLock,
    holder_name,
    lock_holders,
    parse_holder,
)

__all__ = [
    "LEDGER_VERSION",
    "LOCK_CLASS",
    "LOCK_OBJECT",
    "SCHEMA",
    "LedgerOwnerError",
    "LedgerVersionError",
    "LockHolder",
    "RunNotFoundError",
    "RunRow",
    "StaleEpochError",
    "StoreBusyError",
    "StoreLock",
    "assert_epoch",
    "claim_epoch",
    "create_ledger",
    "has_ledger",
    "holder_name",
    "lock_holders",
    "parse_holder",
    "read_run",
    "read_runs",
    "stamp_first_write",
]

CLAIM_WAIT_S = 15.0  # a stale worker's open transaction holds the run row; longer than one chunk's commit takes

Connection = psycopg.Connection[Any]


class StaleEpochError(MosaicError):
    """A newer worker owns this run: whatever this one was about to write must not be committed."""

    code = codes.STALE_EPOCH


class LedgerVersionError(MosaicError):
    """The ledger was written by another version of the contract."""

    code = codes.LEDGER_VERSION


class RunNotFoundError(MosaicError):
    """The ledger has no such run."""

    code = codes.NO_RUN


@dataclass(frozen=True)
class RunRow:
    """One row of `mosaic_migration.run`; the columns are described in docs/architecture.md."""

    run_id: UUID
    ledger_version: int
    epoch: int
    state: str
    phase: str
    source_system: str
    source_database: str
    source_label: str
    target_system: str
    target_database: str
    plan_hash: str
    plan: dict[str, Any]
    holder: str
    job_number: int | None
    engine_version: str
    snapshot_at: datetime | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    verified_at: datetime | None
    first_write_at: datetime | None

    @property
    def is_finished(self) -> bool:
        """Say whether the data was loaded and verified: anything else must not be served."""
        return self.state == "verified"


def create_ledger(connection: Connection) -> None:
    """Create the ledger's tables; a ledger of this version is left as it is, without a write.

    Raises:
        LedgerVersionError: a ledger of another version is there.
        LedgerOwnerError: its schema is somebody else's.
    """
    refuse_foreign_owner(connection)
    if has_ledger(connection):
        return
    with connection.transaction():
        connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s::int, 2)", (LOCK_CLASS,))  # two creators at once
        if not has_ledger(connection):
            for statement in STATEMENTS:
                connection.execute(statement)


def has_ledger(connection: Connection) -> bool:
    """Say whether a ledger of this version is there; asking needs no privilege on it.

    Raises:
        LedgerVersionError: one of another version is there.
    """
    with connection.cursor(row_factory=scalar_row) as cursor:
        cursor.execute(
            """
            SELECT coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), '')
              FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = %s AND c.relname = 'run' AND c.relkind = 'r'
            """,
            (SCHEMA,),
        )
        comment = cursor.fetchone()
    if comment is None:
        return False
    found = str(comment).removeprefix("ledger_version=")
    if found != str(LEDGER_VERSION):
        raise _version_error(found)
    return True


def _version_error(found: str) -> LedgerVersionError:
    shown = found if found.isdigit() else "unknown"
    return LedgerVersionError(
        f"The ledger in schema {SCHEMA} has version {shown}; this Mosaic Admin reads version {LEDGER_VERSION}.",
        remediation="Use the version of Mosaic Admin that started this migration, or migrate into another database.",
        found=shown,
        expected=LEDGER_VERSION,
    )


def read_run(connection: Connection) -> RunRow | None:
    """Return the target's run that is not cancelled; None when there is none, or no ledger at all."""
    return next((run for run in read_runs(connection) if run.state != "cancelled"), None)


def read_runs(connection: Connection) -> list[RunRow]:
    """Return every run of the ledger, the newest first; an empty list when there is no ledger."""
    if not has_ledger(connection):
        return []
    columns = ", ".join(name for name in RunRow.__dataclass_fields__ if name != "plan")
    with connection.cursor(row_factory=dict_row) as cursor:
        # plan::text: Django's connections hand jsonb over undecoded, plain ones decode it
        cursor.execute(f"SELECT {columns}, plan::text AS plan FROM {SCHEMA}.run ORDER BY created_at DESC, run_id")  # noqa: S608
        return [RunRow(**{**row, "plan": json.loads(row["plan"])}) for row in cursor.fetchall()]


def claim_epoch(connection: Connection, run_id: UUID | str, *, holder: str = "", wait_s: float = CLAIM_WAIT_S) -> int:
    """Become the run's only writer: wait for open transactions of the worker before, then return the new epoch.

    Raises:
        RunNotFoundError: there is no such run.
        StoreBusyError: a transaction of the worker before is still open after `wait_s`.
    """
    with connection.transaction(), connection.cursor(row_factory=scalar_row) as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", (f"{max(int(wait_s * 1000), 1)}ms",))
        try:
            # FOR UPDATE, not the lock an UPDATE takes by itself: only that one conflicts with FOR KEY SHARE
            cursor.execute(f"SELECT epoch FROM {SCHEMA}.run WHERE run_id = %s FOR UPDATE", (str(run_id),))  # noqa: S608
        except pg_errors.LockNotAvailable as exc:
            raise _claim_busy(wait_s) from exc
        if cursor.fetchone() is None:
            raise _no_run(run_id)
        cursor.execute(
            f"UPDATE {SCHEMA}.run SET epoch = epoch + 1, updated_at = now(), holder = coalesce(nullif(%s, ''), holder)"  # noqa: S608
            " WHERE run_id = %s RETURNING epoch",
            (holder, str(run_id)),
        )
        return int(cursor.fetchone() or 0)


def _claim_busy(wait_s: float) -> StoreBusyError:
    return StoreBusyError(
        f"The worker before still has a transaction open in the target (waited {wait_s:.0f} s).",
        remediation="Resume again in a minute; if it stays, stop that worker, or end its session in pg_stat_activity.",
    )


def _no_run(run_id: UUID | str) -> RunNotFoundError:
    return RunNotFoundError(
        f"The target's ledger has no run {run_id}.",
        remediation="Start a new migration: its dry run says what the target holds.",
        run_id=str(run_id),
    )


def assert_epoch(connection: Connection, run_id: UUID | str, epoch: int) -> None:
    """Fence the current transaction: call it first; until commit nobody can claim the run.

    Raises:
        StaleEpochError: a newer worker has claimed the run. Roll back.
        RunNotFoundError: the run is gone.
    """
    if connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE:
        raise RuntimeError("assert_epoch outside a transaction fences nothing: the row lock is gone at once")
    with connection.cursor(row_factory=scalar_row) as cursor:
        try:
            cursor.execute(f"SELECT epoch FROM {SCHEMA}.run WHERE run_id = %s FOR KEY SHARE", (str(run_id),))  # noqa: S608
        except pg_errors.SerializationFailure as exc:  # REPEATABLE READ: claimed after our snapshot
            raise _stale(epoch, None) from exc
        current = cursor.fetchone()
    if current is None:
        raise _no_run(run_id)
    if current != epoch:
        raise _stale(epoch, int(current))


def _stale(mine: int, current: int | None) -> StaleEpochError:
    return StaleEpochError(
        f"This worker's claim on the migration run (epoch {mine}) was taken over by a newer one.",
        remediation="Nothing to do: the newer worker goes on. Its progress is on the migration's page.",
        epoch=mine,
        current=current,
    )


def stamp_first_write(connection: Connection) -> bool:
    """Note in the ledger that a gateway wrote: verification is void from here on. Return whether this was the first.

    Joins the caller's transaction; does nothing where there is no ledger, no verified run, or a stamp already.
    """
    if not has_ledger(connection):
        return False
    cursor = connection.execute(
        f"UPDATE {SCHEMA}.run SET first_write_at = now() WHERE state <> 'cancelled' AND first_write_at IS NULL"  # noqa: S608
    )
    return cursor.rowcount > 0
