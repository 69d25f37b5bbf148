"""Connections of one run: opened, pinned, watched, and cut at once when the run has to stop."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from migration.engine.model import Endpoint
from migration.errors import DatabaseRefusedError, RunInterruptedError
from mosaic_admin.errors import MosaicError
from tiers import postgres
from tiers.errors import ConnectionLostError, StartingError, UnreachableError

Connection = psycopg.Connection[Any]
CONNECT_TIMEOUT_S = 10.0
CANCELLING_S = 2.0  # for all sessions of a run together
# Text forms are compared and hashed on both ends: everything that changes one is pinned here.
_SETTINGS = {
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # a table without a key is read in one order each time; index builds side by side are faster apart
    "synchronize_seqscans": "off",
    # From PostgreSQL 18 on helpers read ahead for a scan. The system does so anyway, and with all processors busy it
    # costs a tenth of a whole run to have pages handed over.
    "effective_io_concurrency": "0",
    # What stands in `public` is somebody's: a function there can fit a call better than the catalog's own, and would
    # run as our role. Nothing but the catalog is searched; the target's DDL alone needs more (`open_target`).
    "search_path": "",
    "row_security": "off",  # a policy that hides rows is an error, never a smaller table
    "standard_conforming_strings": "on",  # what our quoting of texts relies on
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "lock_timeout": "0",
    "client_encoding": "UTF8",  # an address may ask for another, and binary texts would be sent in it
    "quote_all_identifiers": "off",  # types and definitions are compared by their text
    "default_transaction_isolation": "read committed",  # else a concurrent claim looks like a newer worker's
    "default_transaction_deferrable": "off",
    "xmloption": "content",
    "array_nulls": "on",
    "transform_null_equals": "off",
}
# a killed worker's CREATE INDEX must not live on for minutes; not every platform can look
_WATCHED = ("client_connection_check_interval", "2s")
_TARGET_SETTINGS = {
    "maintenance_work_mem": "32MB",  # sorts stay in the processor's caches: quicker than with 256 MB, or as quick
    "work_mem": "32MB",
    "search_path": "public",
    "maintenance_io_concurrency": "0",  # the same for VACUUM
    "vacuum_max_eager_freeze_failure_rate": "0",  # a fifth of all pages would be written once more, while people wait
}
_SOURCE_SETTINGS = {"work_mem": "32MB", "default_transaction_read_only": "on"}


def open_source(endpoint: Endpoint, application_name: str) -> Connection:
    """Open a session that cannot write: even a mistake of ours is refused by the server."""
    return _open(endpoint, application_name, _SOURCE_SETTINGS)


def open_target(endpoint: Endpoint, application_name: str) -> Connection:
    return _open(endpoint, application_name, _TARGET_SETTINGS)


def open_for_plan(endpoint: Endpoint, application_name: str) -> Connection:
    """Open a session and set nothing: behind a pooler the next program would get the settings. See `begin_reading`."""
    connection = postgres.connect(
        storage_url(endpoint), application_name=application_name, timeout_s=CONNECT_TIMEOUT_S, tcp_user_timeout=20_000
    )
    connection.prepare_threshold = None
    return connection


def begin_reading(connection: Connection) -> None:
    """Begin a transaction that only reads, with every setting pinned for its length."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    _pin(connection, _SETTINGS | _SOURCE_SETTINGS, is_local=True)


def _open(endpoint: Endpoint, application_name: str, extra: dict[str, str]) -> Connection:
    connection = open_for_plan(endpoint, application_name)
    _pin(connection, _SETTINGS | extra, is_local=False)
    with contextlib.suppress(psycopg.errors.InvalidParameterValue, psycopg.errors.UndefinedObject):
        connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", _WATCHED)
    return connection


def _pin(connection: Connection, settings: dict[str, str], *, is_local: bool) -> None:
    """Set them; one that this version does not have is left out."""
    connection.execute("SELECT pg_catalog.set_config('search_path', '', %s)", (is_local,))
    connection.execute(
        """SELECT pg_catalog.set_config(s.name, w.value, %s) FROM pg_catalog.pg_settings s JOIN
             ROWS FROM (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[])) AS w (name, value)
             ON w.name = s.name""",
        (is_local, list(settings), list(settings.values())),
    )


def execute_one(connection: Connection, statement: str) -> None:
    """Run a statement that was made from somebody's catalog: two in one are refused by the server."""
    connection.execute(statement, binary=True)  # the extended protocol, which knows no lists of statements


def storage_url(endpoint: Endpoint) -> str:
    return str(getattr(endpoint.config.storage, "url", ""))


def display(endpoint: Endpoint) -> str:
    return str(endpoint.config.storage.display)


class Sessions:
    """The connections that a run has open right now, so that another thread can end them."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._lock = threading.Lock()
        self.stopped = threading.Event()

    @contextmanager
    def source(self, endpoint: Endpoint, name: str) -> Iterator[Connection]:
        with self._kept(open_source(endpoint, name)) as connection:
            yield connection

    @contextmanager
    def target(self, endpoint: Endpoint, name: str) -> Iterator[Connection]:
        with self._kept(open_target(endpoint, name)) as connection:
            yield connection

    @contextmanager
    def for_plan(self, endpoint: Endpoint, name: str) -> Iterator[Connection]:
        with self._kept(open_for_plan(endpoint, name)) as connection:
            yield connection

    @contextmanager
    def _kept(self, connection: Connection) -> Iterator[Connection]:
        with self._lock:
            self._open.add(connection)
        try:
            if self.stopped.is_set():  # opened while the others were being ended
                raise psycopg.OperationalError("the run has stopped")
            yield connection
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def stop(self) -> None:
        """End every session now. Their threads get an error from the driver at once, whatever they were waiting for."""
        self.stopped.set()
        give_up_at = time.monotonic() + CANCELLING_S
        with self._lock:
            for connection in self._open:
                if (left := give_up_at - time.monotonic()) > 0:  # a server that does not answer takes no cancel either
                    with contextlib.suppress(psycopg.Error, OSError):
                        connection.cancel_safe(timeout=left)
                _shut(connection)


def _shut(connection: Connection) -> None:
    """Shut the socket below libpq: closing the connection itself from another thread would free it under its user."""
    with (
        contextlib.suppress(psycopg.Error, OSError, ValueError),
        socket.socket(fileno=os.dup(connection.fileno())) as twin,
    ):
        twin.shutdown(socket.SHUT_RDWR)


def translate(error: BaseException) -> BaseException:
    """Return our error for a driver error; anything else as it is. The driver's own words go no further."""
    if isinstance(error, MemoryError) or _is_memory_of_ours(error):
        return RunInterruptedError(
            "The worker ran out of memory.",
            remediation="Give it more memory, or keep other work off it (each copier holds a row whole, about three "
            "times; the dry run names the largest value). Then press Resume or run the same command with --resume: "
            "everything committed is kept.",
        )
    if isinstance(error, UnreachableError | ConnectionLostError | StartingError):
        return _interrupted("")  # a lane that opened its sessions in the middle of the run
    if isinstance(error, MosaicError) or not isinstance(error, psycopg.Error | OSError):
        return error
    state = getattr(error, "sqlstate", None) or ""
    if isinstance(error, OSError) or not state or state[:2] in ("08", "57"):
        return _interrupted(state)
    if state.startswith("53"):
        return RunInterruptedError(
            f"A server ran out of disk, memory or connections{_shown(state)}.",
            remediation="Make room on that server, then press Resume or run the same command with --resume.",
            sqlstate=state,
        )
    return DatabaseRefusedError(
        f"A server refused a statement of the run{_shown(state)}.",
        remediation="Look the SQLSTATE up in the server's own log, repair what it names, then resume the run.",
        sqlstate=state,
    )


@contextmanager
def memory_named(*connections: Connection | None) -> Iterator[None]:
    """Raise MemoryError where libpq got no memory for an answer: psycopg calls that by another name in a COPY."""
    try:
        yield
    except psycopg.Error as exc:
        said = [connection.pgconn.error_message.decode(errors="replace") for connection in connections if connection]
        if not exc.sqlstate and any(map(_tells_of_no_memory, said)):
            raise MemoryError from None
        raise


def _tells_of_no_memory(text: str) -> bool:
    return "out of memory" in text or "cannot allocate memory" in text.lower()


def _is_memory_of_ours(error: BaseException) -> bool:
    """Say whether libpq, in this process, got no memory, or no thread could be started for lack of it."""
    if isinstance(error, psycopg.Error):
        return not error.sqlstate and _tells_of_no_memory(str(error))
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and "start new thread" in str(error)


def _interrupted(state: str) -> RunInterruptedError:
    return RunInterruptedError(
        f"A server ended the run's session or stopped answering{_shown(state)}.",
        remediation="Check that both servers run (`mosaic doctor`), then press Resume or run the same command with "
        "--resume: everything committed is kept.",
        sqlstate=state,
    )


def _shown(state: str) -> str:
    return f" (SQLSTATE {state})" if state else ""


@contextmanager
def driver_errors() -> Iterator[None]:
    """Let nothing of the driver out of the engine: its messages can hold data."""
    try:
        yield
    except (psycopg.Error, OSError, MemoryError, RuntimeError) as exc:
        raise translate(exc) from None
