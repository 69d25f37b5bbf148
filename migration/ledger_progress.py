"""What an interrupted run has in its target: read from the ledger, since the last report may be seconds older."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import psycopg
from django.db.models import F
from django.utils import timezone

from migration.endpoints import target_endpoint
from migration.engine.model import Progress, TableProgress, TableState
from migration.jobs import interrupted_rows
from migration.models import MigrationJob
from mosaic_admin.errors import MosaicError
from store.ledger import has_ledger
from tiers.config import PostgresStorage
from tiers.postgres import connect, driver_errors

TIMEOUT_S = 2.0  # a page waits for it
FROM_LEDGER = "from_ledger"  # key in the job's progress: nobody asks twice for one interruption

log = logging.getLogger(__name__)


def show_ledger(job: MigrationJob) -> bool:
    """Bring an interrupted job's progress up to its ledger, once. False when it was done, or cannot be asked now."""
    if job.is_rehearsal or not job.progress or job.progress.get(FROM_LEDGER):
        return False
    try:
        done = _copied(job)
    except MosaicError as error:
        log.info("Run #%s: its ledger cannot be read now (%s).", job.number, error.code.id)
        return False
    if done is None:
        return False
    progress = _with_ledger(Progress.from_dict(job.progress), done)
    rows = MigrationJob.objects.filter(interrupted_rows(timezone.now()), pk=job.pk, attempt=job.attempt)
    hit = rows.update(
        progress=progress.as_dict() | {FROM_LEDGER: timezone.now().isoformat()},
        rows_done=progress.rows_done,
        bytes_done=progress.bytes_done,
        version=F("version") + 1,
    )
    job.refresh_from_db()
    return bool(hit)


def _copied(job: MigrationJob) -> dict[str, tuple[int, int, int]] | None:
    """Return (rows copied, chunks copied, chunks in all) by table; None when the target holds no run."""
    storage = target_endpoint(job).config.storage
    assert isinstance(storage, PostgresStorage)  # the federated tier has no other storage
    options = f"-c statement_timeout={int(TIMEOUT_S * 1000)} -c default_transaction_read_only=on"
    with (
        driver_errors(storage.display, timeout_s=TIMEOUT_S),
        connect(storage.url, application_name="mosaic status", timeout_s=TIMEOUT_S, options=options) as connection,
    ):
        return _read(connection) if has_ledger(connection) else None


def _read(connection: psycopg.Connection[Any]) -> dict[str, tuple[int, int, int]]:
    rows = connection.execute(
        """SELECT table_name, coalesce(sum(rows) FILTER (WHERE c.state = 'copied'), 0),
                  count(*) FILTER (WHERE c.state = 'copied'), count(*)
             FROM mosaic_migration.chunk c JOIN mosaic_migration.run r USING (run_id)
            WHERE r.state <> 'cancelled' GROUP BY 1"""
    ).fetchall()
    return {name: (int(rows), int(done), int(total)) for name, rows, done, total in rows}


def _with_ledger(progress: Progress, done: dict[str, tuple[int, int, int]]) -> Progress:
    tables = tuple(_table(table, done.get(table.name)) for table in progress.tables)
    return replace(
        progress,
        tables=tables,
        rows_done=sum(table.rows_done for table in tables),
        bytes_done=sum(table.bytes_done for table in tables),
    )


def _table(table: TableProgress, found: tuple[int, int, int] | None) -> TableProgress:
    if found is None or table.state is TableState.VERIFIED:
        return table
    rows, chunks, total = found
    state = TableState.COPIED if chunks == total else TableState.COPYING if chunks else TableState.WAITING
    size = (
        table.bytes_total if state is TableState.COPIED else table.bytes_total * rows // max(table.rows_total, rows, 1)
    )
    return replace(
        table,
        state=state,
        rows_done=rows,
        rows_total=max(table.rows_total, rows),
        bytes_done=size,
        chunks_done=chunks,
        chunks_total=total,
    )
