"""The one way to open PostgreSQL. Whatever the driver says is mapped to a fixed sentence (`tiers.errors`)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, overload
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import RowFactory, TupleRow, tuple_row

from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import display_url, remember_secret
from tiers.errors import BadUrlError, Fault
from tiers.network import resolve
from tiers.signin import TellingConnection, sqlstate_of

Row = TypeVar("Row")
CONNECT_TIMEOUT_S = 5.0  # the limit for one service's whole ladder (boot gate, doctor)
# A peer that vanished without a word is noticed within 10 + 3 * 5 s, and unacknowledged data within 20 s.
KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

_STATES = {
    "28000": Fault.AUTHENTICATION,
    "28P01": Fault.AUTHENTICATION,
    "3D000": Fault.DATABASE,
    "53300": Fault.CONNECTIONS,
    "57P03": Fault.STARTING,
    "42501": Fault.PRIVILEGE,
    "53100": Fault.DISK_FULL,
    "25006": Fault.READ_ONLY,
    "57P01": Fault.LOST,
    "57P02": Fault.LOST,
    "57P05": Fault.LOST,
}
# "Database … is not currently accepting connections" is 55000, which means many other things for a statement.
_SIGN_IN_STATES = {**_STATES, "55000": Fault.DATABASE}
POOLER_STATE = "08P01"  # what PgBouncer says of everything it refuses, in English whatever the server speaks
# Faults that no server spoke of have no SQLSTATE: libpq's own English words tell them apart. What a server says stands
# here for systems where its SQLSTATE cannot be had (tiers.signin). Order matters: the first match wins.
_WORDS = (
    (re.compile(r"could not translate host|resolve host|name or service not known|unknown host", re.I), Fault.NAME),
    (
        re.compile(
            r"password authentication failed|no password supplied|authentication failed|role \"[^\n]*\" does not exist"
            r"|no pg_hba\.conf entry|is not permitted to log in|pg_hba\.conf rejects|wrong password",
            re.I,
        ),
        Fault.AUTHENTICATION,
    ),
    (re.compile(r"database \"[^\n]*\" does not exist|database .* is not currently accepting", re.I), Fault.DATABASE),
    (
        re.compile(r"starting up|shutting down|in recovery mode|not yet accepting|not accepting connections", re.I),
        Fault.STARTING,
    ),
    (
        re.compile(r"too many (?:clients|connections)|connection slots are reserved|remaining connection", re.I),
        Fault.CONNECTIONS,
    ),
    (re.compile(r"permission denied for database", re.I), Fault.PRIVILEGE),
    (re.compile(r"timeout expired|timed out|connection timeout", re.I), Fault.TIMEOUT),
    (re.compile(r"\bssl\b|\btls\b|certificate", re.I), Fault.TLS),
    (
        re.compile(r"refused|no route to host|network is unreachable|no such file or directory|host is down", re.I),
        Fault.REFUSED,
    ),
    (re.compile(r"session is read-only|server is in hot standby", re.I), Fault.READ_ONLY),
    (
        re.compile(
            r"closed the connection|connection (?:is |was |has been )?(?:lost|closed|reset)|broken pipe"
            r"|consuming input failed",
            re.I,
        ),
        Fault.LOST,
    ),
)


@overload
def connect(
    url: str,
    *,
    application_name: str,
    timeout_s: float = ...,
    autocommit: bool = ...,
    row_factory: None = ...,
    **conninfo: Any,
) -> psycopg.Connection[TupleRow]: ...
@overload
def connect(
    url: str,
    *,
    application_name: str,
    timeout_s: float = ...,
    autocommit: bool = ...,
    row_factory: RowFactory[Row],
    **conninfo: Any,
) -> psycopg.Connection[Row]: ...
def connect(
    url: str,
    *,
    application_name: str,
    timeout_s: float = CONNECT_TIMEOUT_S,
    autocommit: bool = True,
    row_factory: RowFactory[Any] | None = None,
    **conninfo: Any,
) -> psycopg.Connection[Any]:
    """Open a connection; `conninfo` are further libpq parameters (`options=`, `sslmode=` …).

    Raises: BadUrlError, or the ServiceError of the fault. libpq's least time limit is 2 s.
    """
    where = display_url(url)
    parameters = {"client_encoding": "UTF8", **KEEPALIVES, **_parse(url), **conninfo}
    parameters["application_name"] = application_name
    remember_secret(str(parameters.get("password") or ""))
    addresses = _addresses(parameters, where, timeout_s)
    parameters["connect_timeout"] = max(2, math.floor(timeout_s / max(1, len(addresses))))
    if addresses:
        parameters["host"] = ",".join([str(parameters["host"])] * len(addresses))
        parameters["hostaddr"] = ",".join(addresses)
    with driver_errors(where, timeout_s=timeout_s):
        made: psycopg.Connection[Any] = TellingConnection.connect(
            "", autocommit=autocommit, row_factory=row_factory or tuple_row, **parameters
        )
        _speak_iso(made)
        return made


def _speak_iso(connection: psycopg.Connection[Any]) -> None:
    """Where database or role set another DateStyle, psycopg could not read a time. (Poolers keep it per client.)"""
    if not (connection.info.parameter_status("DateStyle") or "ISO").startswith("ISO"):
        connection.execute("SET DateStyle = ISO")
        if not connection.autocommit:
            connection.commit()


def _parse(url: str) -> dict[str, Any]:
    try:
        if urlsplit(url).scheme not in ("postgresql", "postgres"):
            raise ValueError("another scheme")
        parameters = dict(conninfo_to_dict(url))
        if not all(0 < int(port) < 65536 for port in str(parameters.get("port") or 5432).split(",")):
            raise ValueError("no such port")
        return parameters
    except (ValueError, psycopg.Error):
        raise BadUrlError(
            "The PostgreSQL address cannot be read.",
            remediation="Write storage.url as postgresql://USER:PASSWORD@HOST:5432/DATABASE, with special characters "
            "in the password percent-encoded (@ is %40).",
        ) from None


def _addresses(parameters: dict[str, Any], where: str, timeout_s: float) -> list[str]:
    """Look the name up within the limit. Empty where libpq must do it itself: sockets, host lists, hostaddr."""
    host = str(parameters.get("host") or "")
    if not host or host[0] in "/@" or "," in host or parameters.get("hostaddr"):
        return []
    return resolve(host, service="PostgreSQL", where=where, timeout_s=timeout_s)


def classify(exc: BaseException) -> Fault:
    """Name the fault behind a driver or operating-system error."""
    state = sqlstate_of(exc) if isinstance(exc, psycopg.Error) else None
    is_sign_in = state is not None and not getattr(exc, "sqlstate", None)
    if state and not (is_sign_in and state == POOLER_STATE):
        states = _SIGN_IN_STATES if is_sign_in else _STATES
        return states.get(state, Fault.LOST if state.startswith("08") else Fault.OTHER)
    if isinstance(exc, psycopg.errors.ConnectionTimeout | TimeoutError):
        return Fault.TIMEOUT
    text = str(exc)
    unknown = Fault.LOST if state else Fault.OTHER
    return next((fault for pattern, fault in _WORDS if pattern.search(text)), unknown)


def translate(exc: BaseException, where: str, *, timeout_s: float = CONNECT_TIMEOUT_S) -> MosaicError:
    """Return our error for a driver error. The driver's text is read here and goes no further."""
    if isinstance(exc, MosaicError):
        return exc
    state = sqlstate_of(exc) if isinstance(exc, psycopg.Error) else None
    return classify(exc).build("PostgreSQL", where, timeout_s=timeout_s, sqlstate=state)


@contextmanager
def driver_errors(where: str, *, timeout_s: float = CONNECT_TIMEOUT_S) -> Iterator[None]:
    """Turn every psycopg and OS error of the block into ours; `where` is `display_url(url)`."""
    try:
        yield
    except (psycopg.Error, OSError) as exc:
        # `from None`: a chained driver error would put its words into every logged traceback.
        raise translate(exc, where, timeout_s=timeout_s) from None
