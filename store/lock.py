"""The lock between gateways and migrations: one advisory lock per store, held by a connection of its own.

Use it through `store.ledger`. Nothing here assigns a transaction id: a source stays untouched.
"""

from __future__ import annotations

import os
import re
import select
import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, get_args

import psycopg
from psycopg.rows import class_row, scalar_row

from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import display_url
from store import codes
from tiers.postgres import connect, driver_errors

LOCK_CLASS, LOCK_OBJECT = 0x4D4F5341, 1  # "MOSA": contract, other programs take the same lock
POLL_S = 0.2  # between two tries: a try is one round trip and leaves no queue that would block a gateway behind us
NAME_BYTES = 63  # the server cuts application_name there, and a cut name could not be read back

Mode = Literal["shared", "exclusive"]
Kind = Literal["gw", "mig"]
Connection = psycopg.Connection[Any]

_NAME = re.compile(r"mosaic-(gw|mig) (.+):(\d+):(\d+)")
_MODES = {"ShareLock": "shared", "ExclusiveLock": "exclusive"}
# This session has nothing to say for hours; a server may be set to end such sessions, and the lock with them.
_STAY = "SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'idle_session_timeout'"
# A dead peer is noticed within 5 s: the gateway promises to answer 503 by then.
_KEEPALIVE: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 4000,  # milliseconds
}


class StoreBusyError(MosaicError):
    """Somebody else holds the store's lock; `context["holders"]` says who."""

    code = codes.BUSY


def holder_name(kind: Kind, *, epoch: int = 0, host: str | None = None, process: int | None = None) -> str:
    """Return the `application_name` of a holder: `mosaic-gw host:pid:epoch`, printable ASCII, 63 bytes at most."""
    tail = f":{os.getpid() if process is None else process}:{epoch}"
    ascii_host = re.sub(r"[^!-~]", "?", host or socket.gethostname()) or "?"
    room = NAME_BYTES - len(f"mosaic-{kind} {tail}")
    return f"mosaic-{kind} {ascii_host[:room]}{tail}"


@dataclass(frozen=True)
class LockHolder:
    """One session that holds the lock; `host`, `process` and `epoch` are None when it is not named as ours are."""

    application_name: str
    backend_pid: int
    mode: Mode
    kind: Kind | None = None
    host: str | None = None
    process: int | None = None
    epoch: int | None = None

    def __str__(self) -> str:
        if self.kind is None:
            return f"{self.application_name or 'a session without a name'} (server process {self.backend_pid})"
        what = "a gateway" if self.kind == "gw" else "a migration"
        return f"{what} on {self.host} (process {self.process}, epoch {self.epoch})"


def parse_holder(application_name: str, *, backend_pid: int, mode: Mode) -> LockHolder:
    """Read a holder's name; a name of another form is kept as it is."""
    match = _NAME.fullmatch(application_name)
    if match is None:
        return LockHolder(application_name, backend_pid, mode)
    kind: Kind = "gw" if match[1] == "gw" else "mig"
    return LockHolder(application_name, backend_pid, mode, kind, match[2], int(match[3]), int(match[4]))


@dataclass
class _LockRow:
    application_name: str
    pid: int
    mode: str


def lock_holders(connection: Connection) -> list[LockHolder]:
    """Return who holds the store's lock in this connection's database, readable by any role."""
    with connection.cursor(row_factory=class_row(_LockRow)) as cursor:
        cursor.execute(
            """
            SELECT coalesce(a.application_name, '') AS application_name, l.pid, l.mode
              FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
               AND l.classid = %s::bigint::oid AND l.objid = %s::bigint::oid
               AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
             ORDER BY l.mode, l.pid
            """,
            (LOCK_CLASS, LOCK_OBJECT),
        )
        return [
            parse_holder(row.application_name, backend_pid=row.pid, mode=_as_mode(row.mode))
            for row in cursor.fetchall()
        ]


def _as_mode(server_mode: str) -> Mode:
    return "shared" if _MODES.get(server_mode) == "shared" else "exclusive"


def busy_error(holders: list[LockHolder], *, mode: Mode, waited_s: float) -> StoreBusyError:
    """Build the refusal that names the holders and says how to make each let go."""
    names = ", ".join(map(str, holders)) or "a session that let go just now"
    return StoreBusyError(
        f"The store is in use: {names} holds its lock ({mode} was asked for, waited {waited_s:.0f} s).",
        remediation=_how_to_free(holders),
        holders=[holder.application_name for holder in holders],
    )


def _how_to_free(holders: list[LockHolder]) -> str:
    if any(holder.kind == "gw" for holder in holders):
        return "Run `mosaic gateway pause` on the gateway's host (`mosaic gateway resume` undoes it), then try again."
    if any(holder.kind == "mig" for holder in holders):
        return "Wait for the migration to end or cancel it on the Migrations page, then try again."
    if holders:
        pids = ", ".join(str(holder.backend_pid) for holder in holders)
        return f"Find out whose sessions these are in pg_stat_activity (pid {pids}) and end them, then try again."
    return "Try again."


class StoreLock:
    """The store's advisory lock on a dedicated connection: `shared` for a gateway, `exclusive` for a migration.

    `holder` is the whole application_name, as `holder_name` builds it. The lock goes when the connection goes,
    so `is_held` asks the server each time. Not for use behind a transaction pooler: `is_held` says no there.
    """

    def __init__(self, url: str, mode: Mode, holder: str) -> None:
        if mode not in get_args(Mode):
            raise ValueError(f"mode is {mode!r}, not one of {get_args(Mode)}")
        if not _NAME.fullmatch(holder) or len(holder.encode()) > NAME_BYTES:
            raise ValueError(f"holder {holder!r} is not `mosaic-gw|mosaic-mig host:pid:epoch` in {NAME_BYTES} bytes")
        self.mode = mode
        self.holder = holder
        self._url = url
        self._connection: Connection | None = None

    def acquire(self, timeout_s: float = 0.0) -> None:
        """Take the lock, trying until the deadline; taking a lock that is held already changes nothing.

        Raises:
            StoreBusyError: somebody held it the whole time.
        """
        if self.is_held():
            return
        self.release()
        self._connection = self._open()
        try:
            with driver_errors(display_url(self._url)):
                self._wait(self._connection, timeout_s)
        except BaseException:
            self.release()
            raise

    def is_held(self) -> bool:
        """Ask the server whether this very session holds the lock; a lost connection is a lost lock."""
        if self._connection is None or self._connection.closed:
            return False
        try:
            return any(
                holder.backend_pid == self._connection.info.backend_pid and holder.mode == self.mode
                for holder in lock_holders(self._connection)
            ) and self._is_same_backend(self._connection)
        except psycopg.Error:
            return False

    def has_ended(self) -> bool:
        """Say whether the session, and with it the lock, is known to be over; asks no server and never waits.

        A server that ends a session closes its socket, and keepalives break the socket of one that vanished.
        """
        connection = self._connection
        if connection is None or connection.closed:
            return True
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        try:
            for _ in range(2):  # a goodbye first, the end of the stream behind it
                if poll.poll(0):
                    connection.pgconn.consume_input()
        except psycopg.Error:
            return True
        return connection.closed

    def release(self) -> None:
        """Let go by closing the connection; releasing what is not held is fine."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _open(self) -> Connection:
        connection = connect(self._url, application_name=self.holder, **_KEEPALIVE)
        with driver_errors(display_url(self._url)):
            connection.execute(_STAY)
        return connection

    def _wait(self, connection: Connection, timeout_s: float) -> None:
        started = time.monotonic()
        while not self._try(connection):
            waited = time.monotonic() - started
            if waited >= timeout_s:
                raise busy_error(lock_holders(connection), mode=self.mode, waited_s=waited)
            time.sleep(min(POLL_S, max(timeout_s - waited, 0.01)))

    def _try(self, connection: Connection) -> bool:
        suffix = "_shared" if self.mode == "shared" else ""
        with connection.cursor(row_factory=scalar_row) as cursor:
            cursor.execute(
                f"SELECT pg_catalog.pg_try_advisory_lock{suffix}(%s::int, %s::int)", (LOCK_CLASS, LOCK_OBJECT)
            )  # one of two fixed names
            return bool(cursor.fetchone())

    @staticmethod
    def _is_same_backend(connection: Connection) -> bool:
        """A transaction pooler answers from whichever backend is free; ours answers from the one we dialled."""
        with connection.cursor(row_factory=scalar_row) as cursor:
            cursor.execute("SELECT pg_catalog.pg_backend_pid()")
            return bool(cursor.fetchone() == connection.info.backend_pid)
