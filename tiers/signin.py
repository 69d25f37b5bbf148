"""A psycopg connection that tells why the server refused it: by SQLSTATE, in whatever language the server speaks.

libpq keeps the SQLSTATE of a refused sign-in to itself and shows only the server's words, which follow the server's
`lc_messages`. With the verbosity `verbose`, set before the sign-in, the SQLSTATE stands before the words. psycopg has
no call for that, so it is set in the same libpq directly.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Generator
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar

import psycopg
from psycopg import generators, pq

Row = TypeVar("Row")
VERBOSITY_DEFAULT, VERBOSITY_VERBOSE = 1, 2  # PGVerbosity in libpq-fe.h
_STATE = re.compile(r":\s+(?=[A-Z]*\d)([0-9A-Z]{5})(?=: )")  # every state has a digit, and "FATAL" has five letters too
_attempts: ContextVar[list[pq.abc.PGconn]] = ContextVar("attempts")
_MAPS = Path("/proc/self/maps")


@cache
def _libpq() -> ctypes.CDLL | None:
    """Return the libpq that psycopg has loaded; None where it cannot be found (other systems than Linux)."""
    try:
        paths = {line.split(maxsplit=5)[5].strip() for line in _MAPS.read_text().splitlines() if "/libpq" in line}
        library = ctypes.CDLL(next(path for path in sorted(paths) if Path(path).name.startswith("libpq")))
        library.PQsetErrorVerbosity.argtypes = [ctypes.c_void_p, ctypes.c_int]
    except (OSError, StopIteration, AttributeError, IndexError):
        return None
    return library


def _set_verbosity(connection: pq.abc.PGconn, level: int) -> None:
    library, pointer = _libpq(), getattr(connection, "pgconn_ptr", None)  # in every implementation, not in the protocol
    if library is not None and pointer is not None:
        library.PQsetErrorVerbosity(pointer, level)


def sqlstate_of(exc: psycopg.Error) -> str | None:
    """Return the SQLSTATE of a statement's error, or of a refused sign-in; None when no server was heard."""
    if exc.sqlstate or not isinstance(exc, psycopg.OperationalError):
        return exc.sqlstate
    found = _STATE.findall(str(exc))
    return str(found[-1]) if found else None  # the last attempt speaks: without TLS after one with, the next address


class TellingConnection(psycopg.Connection[Row]):
    """`psycopg.Connection` whose refusal carries the SQLSTATE for `sqlstate_of`, and that leaves nothing open.

    psycopg drops a sign-in that took too long without closing it: the session hangs on until Python's cycle collector
    comes by, which in a quiet process is never. A prober would collect connections to a server that hangs.
    """

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Self:
        attempts: list[pq.abc.PGconn] = []
        token = _attempts.set(attempts)
        try:
            return super().connect(conninfo, **options)
        except BaseException:
            for attempt in attempts:
                attempt.finish()
            raise
        finally:
            _attempts.reset(token)

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Generator[Any, Any, Any]:
        """Do what psycopg's own step does, with the verbosity set between its beginning and the first answer."""
        started = pq.PGconn.connect_start(conninfo.encode())
        _attempts.get().append(started)
        _set_verbosity(started, VERBOSITY_VERBOSE)
        connection = yield from _poll(started)
        _set_verbosity(connection, VERBOSITY_DEFAULT)
        connection.nonblocking = 1
        return cls(connection)


def _poll(started: pq.abc.PGconn) -> Generator[Any, Any, pq.abc.PGconn]:
    waits = {pq.PollingStatus.READING: generators.WAIT_R, pq.PollingStatus.WRITING: generators.WAIT_W}
    while started.status != pq.ConnStatus.BAD:
        status = started.connect_poll()
        if status == pq.PollingStatus.OK:
            return started
        if status not in waits:
            break
        while not (yield started.socket, waits[pq.PollingStatus(status)]):
            pass
    message = f"connection failed: {started.get_error_message()}"
    started.finish()
    raise psycopg.OperationalError(message)
