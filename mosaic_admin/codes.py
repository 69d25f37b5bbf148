"""The one space of codes: what went wrong, in every face (command, page, JSON, boot gate, job).

Each package lists its codes in `<package>/codes.py` as `ALL`; `mosaic_admin.wiring` joins the lists. A code is
never renumbered and never reused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Process exit codes (sysexits.h where one fits); others' scripts rely on the numbers."""

    OK = 0
    DIFFERENCES = 1  # verification differences, rejected rows, or yellow under --fail-on warn
    USAGE = 2  # wrong words on the command line; a red doctor report uses 2 as well
    DECISION = 3  # a decision is needed, or the plan is stale
    UNREACHABLE = 69
    BUG = 70
    BUSY = 75  # a migration is running or unfinished, or somebody holds the lock
    VERSION = 76  # wrong version or missing extension
    PRIVILEGE = 77  # authentication or privilege
    CONFIG = 78
    DETACHED = 130  # Ctrl-C while following; the job goes on


@dataclass(frozen=True)
class Code:
    """One thing that can be wrong: `id` is `MOS-<AREA>-<NNN>`, `meaning` is the first paragraph of its page."""

    id: str
    title: str
    meaning: str
    exit_code: ExitCode = ExitCode.BUG
    http_status: int = 500

    def __str__(self) -> str:
        return self.id


BUG = Code("MOS-BUG-001", "A bug", "Mosaic Admin did something it was not written to do. The log has the traceback.")
NOT_ALLOWED = Code(
    "MOS-ACC-001",
    "Not allowed",
    "The person or token is signed in, and the role or scope does not cover this action.",
    ExitCode.PRIVILEGE,
    403,
)
NOT_FOUND = Code("MOS-ACC-002", "Not found", "Nothing has this address, or it was removed.", ExitCode.USAGE, 404)
BAD_REQUEST = Code(
    "MOS-ACC-020",
    "The request cannot be read",
    "A parameter of the request is missing or has a value that the API does not know.",
    ExitCode.USAGE,
    422,
)
TOO_LARGE = Code(
    "MOS-ACC-022",
    "The request is too large",
    "No form of the dashboard sends as much as that; nothing of it was read.",
    ExitCode.USAGE,
    413,
)
BAD_SETTING = Code(
    "MOS-ENV-001",
    "A setting has a bad value",
    "An environment variable that Mosaic Admin reads has a value it cannot use.",
    ExitCode.CONFIG,
    500,
)
SPLIT_BRAIN = Code(
    "MOS-ENV-002",
    "Shared broker, private database",
    "VALKEY_URL points at another machine while DATABASE_URL is unset: each host would keep its own job rows.",
    ExitCode.CONFIG,
    500,
)
PORT_TAKEN = Code(
    "MOS-ENV-003",
    "A port is taken",
    "Another program listens on a port that Mosaic Admin is set to use.",
    ExitCode.CONFIG,
    500,
)
NOT_WRITABLE = Code(
    "MOS-ENV-004",
    "A folder is not writable",
    "Mosaic Admin cannot write in a folder it needs.",
    ExitCode.CONFIG,
    500,
)

ALL = (BUG, NOT_ALLOWED, NOT_FOUND, BAD_REQUEST, TOO_LARGE, BAD_SETTING, SPLIT_BRAIN, PORT_TAKEN, NOT_WRITABLE)
