"""The smoke test of a cutover: what a gateway asks of the federated store, asked once before anybody relies on it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from migration.job_errors import SmokeFailedError
from store.ledger import RunRow, read_run
from tiers.config import PostgresStorage
from tiers.postgres import connect, driver_errors

TIMEOUT_S = 10.0  # an index search over millions of vectors takes milliseconds
APPLICATION = "mosaic smoke"
READ_TABLES = ("users", "projects", "tasks", "notes", "conversations", "messages", "insights")
CLOSE = 1e-4  # cosine distance of a vector to itself, in float4

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class SmokeResult:
    """`tables` were read, a row was written and read back, a search over vectors of `dimension` found it.

    `index`: the index that the search went through, "" where no embedding of that size is stored yet.
    """

    tables: int
    dimension: int
    index: str
    store_time: datetime  # by the store's own clock

    @property
    def sentence(self) -> str:
        how = "through its index" if self.index else "without an index: no embedding of that size is stored yet"
        return (
            f"Read {self.tables} tables, wrote and read back a task and an insight, found the insight by its vector "
            f"({self.dimension} dimensions, {how}), and took both out again."
        )


def smoke_test(storage: PostgresStorage, *, run_id: uuid.UUID | str, commits: bool) -> SmokeResult:
    """Read, write, search; nothing of it stays, also when this process is killed: the rows are never committed.

    `commits` also commits one write, to the ledger's own row of the run. Raises SmokeFailedError, or a ServiceError.
    """
    with (
        driver_errors(storage.display, timeout_s=TIMEOUT_S),
        connect(storage.url, application_name=APPLICATION, options=_options()) as connection,
    ):
        run = _run_of(connection, run_id)
        for table in READ_TABLES:
            connection.execute(f"SELECT * FROM public.{table} LIMIT 1")  # noqa: S608  # fixed names
        dimension, index = _dimension(connection)
        with connection.transaction(force_rollback=True):
            _write_and_find(connection, dimension, index)
        if commits:
            connection.execute("UPDATE mosaic_migration.run SET updated_at = now() WHERE run_id = %s", (run.run_id,))
        return SmokeResult(len(READ_TABLES), dimension, index, _now(connection))


def _options() -> str:
    return f"-c statement_timeout={int(TIMEOUT_S * 1000)} -c lock_timeout={int(TIMEOUT_S * 1000)}"


def _run_of(connection: Connection, run_id: uuid.UUID | str) -> RunRow:
    """Return the store's run when it is this one and verified: another store would pass every other question."""
    run = read_run(connection)
    if run is None or str(run.run_id) != str(run_id) or not run.is_finished:
        found = f"holds run {run.run_id} in state {run.state}" if run else "holds no migration run"
        raise SmokeFailedError(
            f"The store of the federated configuration {found}, not the verified run {run_id}.",
            remediation="Correct storage.url of the federated configuration under /tiers/, then try again.",
        )
    return run


def _dimension(connection: Connection) -> tuple[int, str]:
    """Return the size of vector to search with, and its index: one that has an index where there is any, else 3."""
    row = connection.execute(
        r"""SELECT substring(indexdef FROM 'embedding_dim = (\d+)')::int, indexname::text FROM pg_catalog.pg_indexes
             WHERE schemaname = 'public' AND tablename = 'insights' AND indexdef LIKE '%USING hnsw%'
             ORDER BY 1 LIMIT 1"""
    ).fetchone()
    return (int(row[0]), row[1]) if row and row[0] else (3, "")


def _write_and_find(connection: Connection, dimension: int, index: str) -> None:
    owner, insight = uuid.uuid4(), uuid.uuid4()
    vector = "[" + ",".join(str(1 + position % 7) for position in range(dimension)) + "]"
    connection.execute("INSERT INTO public.users (id, email) VALUES (%s, %s)", (owner, f"{owner}@smoke.invalid"))
    connection.execute("INSERT INTO public.tasks (owner_id, title) VALUES (%s, 'Smoke test')", (owner,))
    connection.execute(
        "INSERT INTO public.insights (id, owner_id, content, embedding, embedding_dim)"
        " VALUES (%s, %s, 'Smoke test', %s, %s)",
        (insight, owner, vector, dimension),
    )
    task = connection.execute("SELECT title FROM public.tasks WHERE owner_id = %s", (owner,)).fetchone()
    _expect(task == ("Smoke test",), "a task that was just written could not be read back")
    kind = "vector" if dimension <= 2000 else "halfvec"
    cast = f"::{kind}({dimension})"
    search = (
        f"SELECT embedding{cast} <=> %(v)s{cast} FROM public.insights WHERE embedding_dim = {dimension} "  # noqa: S608
        f"ORDER BY embedding{cast} <=> %(v)s{cast} LIMIT 5"
    )
    connection.execute("SET LOCAL enable_seqscan = off")  # a small table is read faster without its index
    plan = str(connection.execute(f"EXPLAIN (FORMAT JSON) {search}", {"v": vector}).fetchall())
    _expect(index in plan, f"a search by vector does not go through the index {index}")
    _expect(bool(connection.execute(search, {"v": vector}).fetchall()), "a search by vector found nothing")
    own = connection.execute(
        f"SELECT embedding{cast} <=> %s{cast} FROM public.insights WHERE id = %s",  # noqa: S608
        (vector, insight),
    ).fetchone()
    _expect(own is not None and abs(own[0]) < CLOSE, "an insight's vector did not come back as it was written")


def _expect(is_so: bool, complaint: str) -> None:
    if not is_so:
        raise SmokeFailedError(
            f"In the federated store {complaint}.",
            remediation="Look at the whole picture: mosaic doctor --tier federated. Then try again; the old "
            "configuration is one command away: mosaic storage rollback",
        )


def _now(connection: Connection) -> datetime:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    found: datetime = row[0]
    return found
