"""Rows that the target could not take: read from its ledger, where a run keeps them with their reasons."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from migration.endpoints import target_endpoint
from migration.models import MigrationJob
from store.ledger import has_ledger
from tiers.config import PostgresStorage
from tiers.postgres import connect, driver_errors

LIMIT = 5_000  # more than anybody reads; the counts are of all
# Numbers, uuids and hashes; anything else may be a name ("Bea"), a telephone number or an address.
_TECHNICAL = re.compile(r"\d{1,9}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32,64}")


@dataclass(frozen=True)
class Reject:
    table: str
    key: str
    reason: str
    sqlstate: str
    at: datetime

    @property
    def masked_key(self) -> str:
        """The key as others may see it: an e-mail address can be a key, a number says nothing about a person."""
        return " · ".join(part if _TECHNICAL.fullmatch(part) else f"{part[:1]}•••" for part in self.key.split(" · "))


@dataclass(frozen=True)
class Rejects:
    """`rows` are the first LIMIT, `counts` (table, reason, number) are of all."""

    rows: tuple[Reject, ...]
    counts: tuple[tuple[str, str, int], ...]

    @property
    def total(self) -> int:
        return sum(number for _, _, number in self.counts)

    def lines(self) -> list[str]:
        """Return one line per table and reason, then one per row, keys masked."""
        if not self.rows:
            return ["No row was rejected."]
        heads = [f"{table}: {number:,} rows, {reason}" for table, reason, number in self.counts]
        return heads + [f"  {row.table} {row.masked_key} {row.reason} (SQLSTATE {row.sqlstate})" for row in self.rows]

    def as_dict(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "counts": [{"table": table, "reason": reason, "rows": number} for table, reason, number in self.counts],
            "rows": [
                {"table": row.table, "key": row.masked_key, "reason": row.reason, "sqlstate": row.sqlstate}
                for row in self.rows
            ],
        }

    def as_csv(self) -> str:
        """Return the rows as CSV, keys masked; no cell can be taken for a formula."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(["table", "key", "reason", "sqlstate", "at"])
        for row in self.rows:
            cells = (row.table, row.masked_key, row.reason, row.sqlstate, row.at.isoformat(timespec="seconds"))
            writer.writerow([plain_cell(cell) for cell in cells])
        return out.getvalue()


def plain_cell(text: str) -> str:
    """Keep a spreadsheet from running what a table or a key is called."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def read_rejects(job: MigrationJob) -> Rejects:
    """Ask the target's ledger. Empty when there is none. Raises the ServiceError of a target that cannot be asked."""
    storage = target_endpoint(job).config.storage
    assert isinstance(storage, PostgresStorage)  # the federated tier has no other storage
    with (
        driver_errors(storage.display),
        connect(storage.url, application_name="mosaic rejects") as connection,
    ):
        if not has_ledger(connection):
            return Rejects((), ())
        # the run of this job, or the one that it went on with: the target holds one that is not cancelled
        run = connection.execute(
            """SELECT run_id FROM mosaic_migration.run WHERE run_id = %s OR state <> 'cancelled'
                ORDER BY run_id = %s DESC LIMIT 1""",
            (job.run_id, job.run_id),
        ).fetchone()
        if run is None:
            return Rejects((), ())
        rows = connection.execute(
            """SELECT table_name, coalesce(row_key, ''), reason, coalesce(sqlstate, ''), rejected_at
                 FROM mosaic_migration.reject WHERE run_id = %s ORDER BY table_name, id LIMIT %s""",
            (run[0], LIMIT),
        ).fetchall()
        counts = connection.execute(
            """SELECT table_name, reason, count(*) FROM mosaic_migration.reject WHERE run_id = %s
                GROUP BY 1, 2 ORDER BY 1, 2""",
            (run[0],),
        ).fetchall()
    return Rejects(tuple(Reject(*row) for row in rows), tuple(counts))
