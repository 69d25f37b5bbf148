"""The one way to open Valkey (redis:// and rediss://). Driver errors become fixed sentences (`tiers.errors`)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis import exceptions as driver
from redis.backoff import NoBackoff
from redis.retry import Retry

from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import display_url, remember_secret
from tiers.errors import BadUrlError, Fault
from tiers.network import resolve

CONNECT_TIMEOUT_S = 5.0  # the limit for one service's whole ladder (boot gate, doctor)


def connect(
    url: str, *, client_name: str = "mosaic-admin", timeout_s: float = CONNECT_TIMEOUT_S, **options: Any
) -> redis.Redis:
    """Open Valkey and prove with one PING that it answers and lets us in. No retries, no hidden reconnect loops.

    Raises: BadUrlError, or the ServiceError of the fault.
    """
    where = display_url(url)
    _check(url)
    host = urlsplit(url).hostname
    if host:
        resolve(host, service="Valkey", where=where, timeout_s=timeout_s)
    with driver_errors(where, timeout_s=timeout_s):
        client = _client(url, client_name=client_name, timeout_s=timeout_s, **options)
        try:
            client.ping()
        except BaseException:
            client.close()
            raise
        return client


def _client(url: str, *, client_name: str, timeout_s: float, **options: Any) -> redis.Redis:
    settings: dict[str, Any] = {
        "client_name": client_name,
        "socket_connect_timeout": timeout_s,
        "socket_timeout": timeout_s,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # RESP2: no HELLO, which a narrow ACL user may be refused
        "decode_responses": True,
        "driver_info": None,  # no CLIENT SETINFO either
        **options,
    }
    if urlsplit(url).scheme == "unix":
        settings.pop("socket_keepalive")
    try:
        client = redis.Redis.from_url(_driver_url(url), **settings)
        client.connection_pool.make_connection()  # opens nothing; the driver looks at its parameters only here
    except (ValueError, TypeError):  # a parameter that the driver does not know, or a value it cannot read
        raise _bad_url() from None
    return client


def _driver_url(url: str) -> str:
    """Return the address in the driver's words: it has none for valkey://."""
    scheme, separator, rest = url.partition("://")
    return {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme) + separator + rest


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("redis", "rediss", "valkey", "valkeys", "unix") and (parts.port or 1) > 0
        is_usable = is_usable and (bool(parts.hostname) or parts.scheme == "unix")
    except ValueError:
        is_usable = False
    if not is_usable:
        raise _bad_url()
    remember_secret(unquote(parts.password or ""), *parse_qs(parts.query).get("password", []))


def _bad_url() -> BadUrlError:
    return BadUrlError(
        "The Valkey address cannot be read.",
        remediation="Write queue.url as redis://:PASSWORD@HOST:6379/0 (rediss:// with TLS), with special "
        "characters in the password percent-encoded (@ is %40).",
    )


_CLASSES: tuple[tuple[tuple[type[BaseException], ...], Fault], ...] = (
    ((driver.BusyLoadingError,), Fault.STARTING),
    ((driver.AuthenticationError, driver.AuthorizationError), Fault.AUTHENTICATION),
    ((driver.NoPermissionError,), Fault.PRIVILEGE),
    ((driver.MaxConnectionsError,), Fault.CONNECTIONS),
    ((driver.OutOfMemoryError,), Fault.DISK_FULL),
    ((driver.ReadOnlyError,), Fault.READ_ONLY),
    ((ssl.SSLError,), Fault.TLS),
    ((driver.TimeoutError, TimeoutError), Fault.TIMEOUT),
    ((socket.gaierror,), Fault.NAME),
    ((ConnectionRefusedError, FileNotFoundError, PermissionError), Fault.REFUSED),
)
_WORDS = (
    ("max number of clients", Fault.CONNECTIONS),
    ("db index is out of range", Fault.DATABASE),
    ("invalid db index", Fault.DATABASE),
    ("noauth", Fault.AUTHENTICATION),
    ("wrongpass", Fault.AUTHENTICATION),
    ("misconf", Fault.DISK_FULL),
    ("masterdown", Fault.STARTING),
    ("refused", Fault.REFUSED),
    ("no route to host", Fault.REFUSED),
    ("unreachable", Fault.REFUSED),
    ("ssl", Fault.TLS),
    ("certificate", Fault.TLS),
    ("timed out", Fault.TIMEOUT),
    ("timeout", Fault.TIMEOUT),
)


def classify(exc: BaseException) -> Fault:
    """Name the fault behind a driver or operating-system error, looking through what the driver wrapped."""
    chain = _chain(exc)
    for kinds, fault in _CLASSES:
        if any(isinstance(item, kinds) for item in chain):
            return fault
    text = str(exc).lower()
    for word, fault in _WORDS:
        if word in text:
            return fault
    is_lost = isinstance(exc, driver.ConnectionError | OSError)
    return Fault.LOST if is_lost else Fault.OTHER


def _chain(exc: BaseException) -> list[BaseException]:
    """Return the error and what the driver wrapped in it, not what the caller was handling at the time."""
    chain: list[BaseException] = []
    link: BaseException | None = exc
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
        link = link if isinstance(link, driver.RedisError | OSError) else None
    return chain


def translate(exc: BaseException, where: str, *, timeout_s: float = CONNECT_TIMEOUT_S) -> MosaicError:
    """Return our error for a driver error. The driver's text is read here and goes no further."""
    if isinstance(exc, MosaicError):
        return exc
    error = classify(exc).build("Valkey", where, timeout_s=timeout_s)
    # A port without TLS waits for the end of a line that TLS never sends.
    if any("handshake" in str(item) for item in _chain(exc)):
        error.remediation = f"If the server has no TLS, write redis:// instead of rediss://. {error.remediation}"
    return error


@contextmanager
def driver_errors(where: str, *, timeout_s: float = CONNECT_TIMEOUT_S) -> Iterator[None]:
    """Turn every redis-py and OS error of the block into ours; `where` is `display_url(url)`."""
    try:
        yield
    except (driver.RedisError, OSError) as exc:
        raise translate(exc, where, timeout_s=timeout_s) from None
