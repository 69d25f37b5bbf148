"""The gateway's own codes; what a service does wrong has the doctor's codes (`doctor/codes.py`). 001 was used once."""

from __future__ import annotations

from mosaic_admin.codes import Code, ExitCode

CUTOVER_DISAGREES = Code(
    "MOS-GW-002",
    "Configuration and cutover record disagree",
    "The record beside the configuration says that the data moved, and the configuration names the other store. "
    "Serving it would split the data in two.",
    ExitCode.CONFIG,
    503,
)
STORE_NOT_PREPARED = Code(
    "MOS-GW-006",
    "The store's tables are missing",
    "The database answers and does not have the tables of the store, or has them as another version makes them.",
    ExitCode.VERSION,
    503,
)
PAUSED = Code(
    "MOS-GW-010",
    "The gateway is paused",
    "Somebody paused the gateway, usually for a migration. It answers again after it is resumed.",
    ExitCode.BUSY,
    503,
)
LOCK_LOST = Code(
    "MOS-GW-011",
    "The gateway lost its lock on the store",
    "The connection that holds the store's lock is gone. The gateway serves nothing until it has the lock again.",
    ExitCode.UNREACHABLE,
    503,
)
STORE_DOWN = Code(
    "MOS-GW-012",
    "The store does not answer",
    "The database of the store refused or cut a connection while the gateway was serving.",
    ExitCode.UNREACHABLE,
    503,
)
REQUESTS_IN_FLIGHT = Code(
    "MOS-GW-013",
    "Requests are still running",
    "The gateway takes no new requests, and some that began before are not finished. It lets go of the lock when "
    "they are.",
    ExitCode.BUSY,
    409,
)
NO_TOKEN = Code(
    "MOS-GW-020",
    "No valid token",
    "The request carries no token, or one that this gateway does not know.",
    ExitCode.PRIVILEGE,
    401,
)
BAD_REQUEST = Code(
    "MOS-GW-021",
    "The request cannot be used",
    "A parameter or the body has a value that the gateway does not accept.",
    ExitCode.USAGE,
    422,
)
NOT_FOUND = Code("MOS-GW-022", "Not found", "Nothing in the store has this address.", ExitCode.USAGE, 404)
CONFLICT = Code(
    "MOS-GW-023",
    "The store refuses this value",
    "The store's own rules do not allow the change: it refers to something that is not there, or is there already.",
    ExitCode.USAGE,
    409,
)
SCOPE_MISSING = Code(
    "MOS-GW-024",
    "The token may not do this",
    "The token is known, and was made without the scope that this address asks for.",
    ExitCode.PRIVILEGE,
    403,
)
TOO_LARGE = Code(
    "MOS-GW-025",
    "The request is too large",
    "The body is larger than the gateway reads into memory.",
    ExitCode.USAGE,
    413,
)
TOO_MANY_REQUESTS = Code(
    "MOS-GW-026",
    "Too many requests",
    "This token sent more requests within a minute than MOSAIC_GATEWAY_RATE allows.",
    ExitCode.BUSY,
    429,
)
NO_VECTORS = Code(
    "MOS-GW-027",
    "This tier keeps no vectors",
    "A search by embedding needs the federated tier, where the database has pgvector.",
    ExitCode.USAGE,
    409,
)
NO_METHOD = Code(
    "MOS-GW-028",
    "The address has no such method",
    "The address is right, and what was asked of it is not among what it does.",
    ExitCode.USAGE,
    405,
)
NOT_RUNNING = Code(
    "MOS-GW-030",
    "The gateway does not answer",
    "No gateway answers at the address of the settings.",
    ExitCode.UNREACHABLE,
    503,
)

ALL = (
    CUTOVER_DISAGREES,
    STORE_NOT_PREPARED,
    PAUSED,
    LOCK_LOST,
    STORE_DOWN,
    REQUESTS_IN_FLIGHT,
    NO_TOKEN,
    BAD_REQUEST,
    NOT_FOUND,
    CONFLICT,
    SCOPE_MISSING,
    TOO_LARGE,
    TOO_MANY_REQUESTS,
    NO_VECTORS,
    NO_METHOD,
    NOT_RUNNING,
)
