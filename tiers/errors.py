"""What can go wrong between us and a tier's servers, as a closed list: the driver's own words never get out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from mosaic_admin.codes import Code
from mosaic_admin.errors import MosaicError
from tiers import codes

Service = Literal["PostgreSQL", "Valkey"]


class ServiceError(MosaicError):
    """A server of a tier cannot be used; `context` has `service`, `where` and, where known, `sqlstate`."""

    code = codes.PG_OTHER


class UnreachableError(ServiceError):
    """Nothing usable answers: unknown name, refused, no route, or a TLS disagreement."""


class NoAnswerError(UnreachableError):
    """The time limit passed; the message names it."""


class StartingError(ServiceError):
    """The server is up and not ready yet: the one fault that is worth a retry."""


class AuthenticationError(ServiceError):
    """User or password was refused."""


class DatabaseMissingError(ServiceError):
    """The server has no such database."""


class TooManyConnectionsError(ServiceError):
    """The server has no free connection."""


class PrivilegeError(ServiceError):
    """The role may not do what was asked."""


class DiskFullError(ServiceError):
    """The server has no room to write."""


class ReadOnlyServerError(ServiceError):
    """The server takes no writes."""


class ConnectionLostError(ServiceError):
    """An open connection broke."""


class BadUrlError(MosaicError):
    """The address itself cannot be read; nothing was tried."""

    code = codes.BAD_URL


@dataclass(frozen=True)
class FaultKind:
    """`sentence` and `fix` may use {service}, {where}, {timeout_s}, {setting}."""

    error: type[ServiceError]
    postgres: Code
    valkey: Code
    sentence: str
    fix: str


_CHECK = "then run `mosaic gateway doctor`"


class Fault(Enum):
    """Every fault an adapter tells apart; `build` turns one into its error."""

    NAME = FaultKind(
        UnreachableError,
        codes.PG_NAME,
        codes.VK_NAME,
        "The host name in {where} is not known.",
        f"Correct the host in {{setting}}, or the name service of this machine, {_CHECK}.",
    )
    REFUSED = FaultKind(
        UnreachableError,
        codes.PG_REFUSED,
        codes.VK_REFUSED,
        "{service} at {where} refused the connection.",
        f"Start the server or correct host and port in {{setting}}, {_CHECK}.",
    )
    TIMEOUT = FaultKind(
        NoAnswerError,
        codes.PG_TIMEOUT,
        codes.VK_TIMEOUT,
        "{service} at {where}: No answer within {timeout_s:.1f} s.",
        f"Look for a firewall between here and {{where}}, or a server that hangs, {_CHECK}.",
    )
    TLS = FaultKind(
        UnreachableError,
        codes.PG_TLS,
        codes.VK_TLS,
        "{service} at {where} did not agree on an encrypted connection.",
        f"Correct the TLS part of {{setting}} ({{tls}}) or the server's certificate, {_CHECK}.",
    )
    AUTHENTICATION = FaultKind(
        AuthenticationError,
        codes.PG_AUTHENTICATION,
        codes.VK_AUTHENTICATION,
        "{service} at {where} refused the user or the password.",
        f"Correct the user in {{setting}} and the password it reads, {_CHECK}.",
    )
    DATABASE = FaultKind(
        DatabaseMissingError,
        codes.PG_DATABASE,
        codes.VK_DATABASE,
        "The database of {where} does not exist.",
        f"Create it ({{create}}) or correct the end of {{setting}}, {_CHECK}.",
    )
    STARTING = FaultKind(
        StartingError,
        codes.PG_STARTING,
        codes.VK_STARTING,
        "{service} at {where} is still starting.",
        f"Wait until it is ready, {_CHECK}.",
    )
    CONNECTIONS = FaultKind(
        TooManyConnectionsError,
        codes.PG_CONNECTIONS,
        codes.VK_CONNECTIONS,
        "{service} at {where} has no free connection.",
        "Stop clients that are not needed, or raise {limit} on the server and restart it.",
    )
    PRIVILEGE = FaultKind(
        PrivilegeError,
        codes.PG_PRIVILEGE,
        codes.VK_PRIVILEGE,
        "The user of {where} lacks a privilege that {service} asks for.",
        "Give the privilege to the user of {setting} ({grant}).",
    )
    DISK_FULL = FaultKind(
        DiskFullError,
        codes.PG_DISK_FULL,
        codes.VK_DISK_FULL,
        "{service} at {where} has no room to write.",
        "Free disk or memory on the server (`df -h` there), then do it again.",
    )
    READ_ONLY = FaultKind(
        ReadOnlyServerError,
        codes.PG_READ_ONLY,
        codes.VK_READ_ONLY,
        "{service} at {where} is read-only.",
        f"Let {{setting}} point at the primary server, {_CHECK}.",
    )
    LOST = FaultKind(
        ConnectionLostError,
        codes.PG_LOST,
        codes.VK_LOST,
        "The connection to {service} at {where} was lost.",
        f"See that the server runs, {_CHECK}.",
    )
    OTHER = FaultKind(
        ServiceError,
        codes.PG_OTHER,
        codes.VK_OTHER,
        "{service} at {where} reported an error.",
        "Read the server's own log at this moment; run `mosaic gateway doctor` for the state of this install.",
    )

    def build(
        self, service: Service, where: str, *, timeout_s: float = 0.0, sqlstate: str | None = None
    ) -> ServiceError:
        """Return the error of this fault, worded for one service at one place."""
        kind: FaultKind = self.value
        words = {"service": service, "where": where, "timeout_s": timeout_s, **_WORDS[service]}
        message = kind.sentence.format(**words)
        if sqlstate and self is Fault.OTHER:
            message = f"{message[:-1]}: SQLSTATE {sqlstate}."
        context = {"service": service, "where": where, **({"sqlstate": sqlstate} if sqlstate else {})}
        code = kind.postgres if service == "PostgreSQL" else kind.valkey
        return kind.error(message, remediation=kind.fix.format(**words), code=code, **context)


_WORDS: dict[Service, dict[str, str]] = {
    "PostgreSQL": {
        "setting": "storage.url",
        "tls": "sslmode, sslrootcert",
        "create": "`createdb`, as a role that may",
        "limit": "max_connections",
        "grant": "`GRANT … TO …` as the owner or a superuser",
    },
    "Valkey": {
        "setting": "queue.url",
        "tls": "redis:// or rediss://",
        "create": "`databases` in valkey.conf",
        "limit": "maxclients",
        "grant": "`ACL SETUSER …`; Celery needs `&*`",
    },
}
