"""The ladder of a PostgreSQL server up to the first query: name → port → TLS → sign-in → query."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg.rows import class_row

from doctor import codes
from doctor.findings import Finding, failed, from_error, passed, skipped
from doctor.probe import PROBE_APPLICATION, BaseProbe, Context
from doctor.probes.commands import Address, with_postgres_command
from doctor.probes.network import REPLY_MARGIN_S, NameProbe, PortProbe, shut
from mosaic_admin.codes import Code
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import display_url
from tiers import codes as tiers_codes
from tiers import postgres
from tiers.errors import Fault

SERVICE = "postgres"
DEFAULT_PORT = 5432
SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # PostgreSQL manual, 54.7: length, then the request's code


@dataclass(frozen=True)
class PostgresFacts:
    """What one query learns of server, database and role."""

    version_num: int
    version: str
    encoding: str
    is_standby: bool
    is_read_only: bool
    max_connections: int
    reserved: int
    in_use: int
    backend_pid: int
    role: str
    database: str
    is_superuser: bool
    may_create: bool
    may_use_public: bool
    data_directory: str | None  # only where the role may see it

    @property
    def major(self) -> int:
        return self.version_num // 10_000


# Everything is a catalog read: no transaction id is assigned. pg_settings hides a row where SHOW would raise.
_FACTS = """
SELECT current_setting('server_version_num')::int AS version_num,
       split_part(current_setting('server_version'), ' ', 1) AS version,
       current_setting('server_encoding') AS encoding,
       pg_catalog.pg_is_in_recovery() AS is_standby,
       current_setting('transaction_read_only')::bool AS is_read_only,
       current_setting('max_connections')::int AS max_connections,
       current_setting('superuser_reserved_connections')::int
         + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
       (SELECT count(*)::int FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend') AS in_use,
       pg_catalog.pg_backend_pid() AS backend_pid,
       current_user::text AS role,
       current_database()::text AS database,
       coalesce((SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user), false) AS is_superuser,
       pg_catalog.has_database_privilege(current_database(), 'CREATE') AS may_create,
       coalesce(pg_catalog.has_schema_privilege(to_regnamespace('public')::oid, 'USAGE'), false) AS may_use_public,
       (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory') AS data_directory
"""

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class PostgresProbe(BaseProbe):
    """A probe of the ladder `postgres`; its adapter errors get the command for this server."""

    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    timeout_code: ClassVar[Code] = tiers_codes.PG_TIMEOUT
    url: str

    @property
    def at(self) -> Address:
        return Address.of(self.url, port=DEFAULT_PORT)

    def run(self, context: Context) -> Finding | list[Finding]:
        limit_s = context.remaining_s()
        try:
            with postgres.driver_errors(display_url(self.url), timeout_s=limit_s):
                return self.ask(context)
        except MosaicError as error:
            return with_postgres_command(from_error(error), self.at)

    def ask(self, context: Context) -> Finding | list[Finding]:
        raise NotImplementedError


def connection_of(context: Context) -> Connection:
    """Return the ladder's one connection; whoever asks requires `postgres.sign-in`."""
    return context.get("postgres", psycopg.Connection)


def facts_of(context: Context) -> PostgresFacts:
    """Return what the query rung learned; whoever asks requires `postgres.query`."""
    return context.get("postgres-facts", PostgresFacts)


@dataclass(frozen=True)
class PostgresName(NameProbe):
    name: ClassVar[str] = "postgres.name"
    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    server = "PostgreSQL"
    timeout_code: ClassVar[Code] = tiers_codes.PG_TIMEOUT
    default_port = DEFAULT_PORT
    with_command = staticmethod(with_postgres_command)


@dataclass(frozen=True)
class PostgresPort(PortProbe):
    name: ClassVar[str] = "postgres.port"
    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    requires: ClassVar[tuple[str, ...]] = ("postgres.name",)
    server = "PostgreSQL"
    timeout_code: ClassVar[Code] = tiers_codes.PG_TIMEOUT
    default_port = DEFAULT_PORT
    with_command = staticmethod(with_postgres_command)

    def leave(self, connection: socket.socket, context: Context) -> None:
        context.keep("tls", connection, close=connection.close, abort=lambda: shut(connection.fileno()))


@dataclass(frozen=True)
class PostgresTls(PostgresProbe):
    """Ask for TLS, the protocol's first exchange: it also tells a silent port and a stranger from PostgreSQL."""

    name: ClassVar[str] = "postgres.tls"
    requires: ClassVar[tuple[str, ...]] = ("postgres.port",)

    def ask(self, context: Context) -> Finding:
        answer = self._exchange(context)
        mode = parse_qs(urlsplit(self.url).query).get("sslmode", ["prefer"])[0]
        if answer == b"S":
            return passed("TLS is offered.", ("sslmode", mode))
        if answer != b"N":
            return self._stranger(answer)
        if mode in ("require", "verify-ca", "verify-full"):
            raise Fault.TLS.build("PostgreSQL", display_url(self.url))
        return passed("TLS is neither offered nor asked for.", ("sslmode", mode))

    def _exchange(self, context: Context) -> bytes:
        limit_s = context.remaining_s()
        try:
            with context.get("tls", socket.socket) as connection:
                connection.settimeout(context.remaining_s() - REPLY_MARGIN_S)
                connection.sendall(SSL_REQUEST)
                return connection.recv(1)
        except TimeoutError:
            raise Fault.TIMEOUT.build("PostgreSQL", display_url(self.url), timeout_s=limit_s) from None
        except ConnectionError:
            raise Fault.LOST.build("PostgreSQL", display_url(self.url)) from None

    def _stranger(self, answer: bytes) -> Finding:
        if not answer:
            raise Fault.LOST.build("PostgreSQL", display_url(self.url))
        return failed(
            codes.PG_NOT_POSTGRES,
            f"What answers at {display_url(self.url)} is not PostgreSQL.",
            "See which program listens there, then correct host and port in storage.url.",
            f"ss -ltnp 'sport = :{self.at.port}'",
        )


@dataclass(frozen=True)
class PostgresSignIn(PostgresProbe):
    """Open the one connection that the rest of the ladder uses."""

    name: ClassVar[str] = "postgres.sign-in"
    requires: ClassVar[tuple[str, ...]] = ("postgres.tls",)

    def ask(self, context: Context) -> Finding:
        limit_s = context.remaining_s() - REPLY_MARGIN_S
        connection = postgres.connect(self.url, application_name=PROBE_APPLICATION, timeout_s=limit_s)
        context.keep("postgres", connection, close=connection.close, abort=_waker(connection))
        return passed(f"User {connection.info.user} may sign in to {connection.info.dbname}.")


def _waker(connection: Connection) -> Callable[[], None]:
    def wake() -> None:
        if not connection.closed:
            shut(connection.fileno())

    return wake


@dataclass(frozen=True)
class PostgresQuery(PostgresProbe):
    name: ClassVar[str] = "postgres.query"
    requires: ClassVar[tuple[str, ...]] = ("postgres.sign-in",)

    def ask(self, context: Context) -> Finding:
        with connection_of(context).cursor(row_factory=class_row(PostgresFacts)) as cursor:
            facts = cursor.execute(_FACTS).fetchone()
        context.keep("postgres-facts", facts, close=lambda: None, abort=lambda: None)
        context.learn(SERVICE, version=facts_of(context).version)
        return passed("The server answers queries.")


@dataclass(frozen=True)
class PostgresLocal(BaseProbe):
    """Stands for name, port and TLS where the address is a socket or several hosts: libpq does those itself."""

    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    name: ClassVar[str] = "postgres.tls"

    def run(self, context: Context) -> Finding:
        return skipped("Name, port and TLS are not asked one by one for this form of address.")


def postgres_ladder(url: str) -> list[BaseProbe]:
    """Return the rungs up to the first query for one URL."""
    rest = (PostgresSignIn(url), PostgresQuery(url))
    if not _is_plain(url):
        return [PostgresLocal(), *rest]
    address = Address.of(url, port=DEFAULT_PORT)
    return [PostgresName(url, address.host), PostgresPort(url, address.port), PostgresTls(url), *rest]


def _is_plain(url: str) -> bool:
    """Say whether the URL names one host and port, and nothing that overrides them."""
    try:
        parts = urlsplit(url)
        has_host = (
            bool(parts.hostname) and "," not in parts.netloc and not (parts.hostname or "").lower().startswith("%2f")
        )
        return has_host and not {"host", "hostaddr", "port", "sslnegotiation"} & set(parse_qs(parts.query))
    except ValueError:
        return False
