"""What the doctor can find beyond the connection faults of `tiers.codes` (numbers below 020 are theirs)."""

from __future__ import annotations

from mosaic_admin.codes import Code, ExitCode

PROBE_TIMEOUT = Code(
    "MOS-DOC-001",
    "A check got no answer in time",
    "A service took the question and did not answer within the limit: 5 s for everything that is asked of one service.",
    ExitCode.UNREACHABLE,
    503,
)
PROBE_CRASHED = Code(
    "MOS-DOC-002",
    "A check failed by itself",
    "One check did something it was not written to do. It says nothing about the service, good or bad; every other "
    "check of the report is complete. The log has the traceback.",
    ExitCode.BUG,
    500,
)

BAD_SUPPRESSION = Code(
    "MOS-DOC-003",
    "A finding cannot be put aside like this",
    "Putting a finding aside takes a reason that explains it to whoever comes next, and an end: for ever is not one.",
    ExitCode.USAGE,
    422,
)
WEBHOOK_TARGET = Code(
    "MOS-DOC-004",
    "A webhook cannot call this address",
    "The address is unusable, unknown, or inside a private network. A dashboard that calls whatever it is told would "
    "be a way into the network behind it.",
    ExitCode.USAGE,
    422,
)

PG_NO_CREATE = Code(
    "MOS-PG-020",
    "The role may not create schemas",
    "The gateway can serve with this role. A migration into this database cannot start: it keeps its ledger in a "
    "schema of its own and creates the tables of the store.",
    ExitCode.PRIVILEGE,
    503,
)
PG_TOO_OLD = Code(
    "MOS-PG-021",
    "This PostgreSQL is too old",
    "The server's major version is below what this tier needs: 17 for the federated tier, 14 for the standalone tier.",
    ExitCode.VERSION,
    503,
)
PG_UNTRIED = Code(
    "MOS-PG-022",
    "This PostgreSQL is newer than the ones tried",
    "The server's major version is above the newest one that this release was tested on. It may well work.",
    ExitCode.VERSION,
    503,
)
PG_POOLER = Code(
    "MOS-PG-023",
    "A connection pooler stands in between",
    "The address belongs to a pooler, not to PostgreSQL itself. In transaction mode a pooler hands each statement to "
    "another session, and in any mode nobody can check who holds the lock that keeps a gateway and a migration apart.",
    ExitCode.VERSION,
    503,
)
PG_HEADROOM = Code(
    "MOS-PG-024",
    "Few free connections",
    "Nearly all connections the server allows are taken. The next gateway worker or migration may be refused.",
    ExitCode.UNREACHABLE,
    503,
)
PG_ENCODING = Code(
    "MOS-PG-025",
    "The database is not in UTF-8",
    "The store holds text in any script. A database in another encoding refuses or mangles it.",
    ExitCode.VERSION,
    503,
)
PG_DISK = Code(
    "MOS-PG-026",
    "Little free disk",
    "The file system of the database is nearly full. PostgreSQL stops when it is.",
    ExitCode.UNREACHABLE,
    503,
)

PGV_LIBRARY_MISSING = Code(
    "MOS-PGV-001",
    "The pgvector library is missing on the database server",
    "The server does not know the extension `vector`: its files are not installed beside PostgreSQL. No right and no "
    "SQL can help, the package or the image has to.",
    ExitCode.VERSION,
    503,
)
PGV_NOT_PERMITTED = Code(
    "MOS-PGV-002",
    "pgvector is not enabled here, and this role may not enable it",
    "The library is installed and this database does not use it yet. pgvector is no trusted extension: owning the "
    "database is not enough, a superuser has to enable it once.",
    ExitCode.PRIVILEGE,
    503,
)
PGV_NOT_ENABLED = Code(
    "MOS-PGV-003",
    "pgvector is not enabled in this database",
    "The library is installed, and the role may enable it; nobody has done so in this database. Extensions are enabled "
    "per database.",
    ExitCode.VERSION,
    503,
)
PGV_BROKEN = Code(
    "MOS-PGV-004",
    "The pgvector library is broken",
    "The database says that pgvector is installed, and the server cannot load its library: the file is gone, was built "
    "for another PostgreSQL, or is damaged. The data is there; nothing that reads vectors works.",
    ExitCode.VERSION,
    503,
)
PGV_TOO_OLD = Code(
    "MOS-PGV-005",
    "pgvector is too old",
    "The version enabled in this database is below 0.7.0, the first with half-precision indexes.",
    ExitCode.VERSION,
    503,
)
PGV_UNTRIED = Code(
    "MOS-PGV-006",
    "pgvector is newer than the ones tried",
    "The version enabled in this database is above the newest one that this release was tested on. It may well work.",
    ExitCode.VERSION,
    503,
)
PGV_DOWNGRADED = Code(
    "MOS-PGV-007",
    "The pgvector library is older than the database expects",
    "The database was set up with a newer pgvector than the library on the server now: an image or package went back.",
    ExitCode.VERSION,
    503,
)
PGV_UPDATE = Code(
    "MOS-PGV-008",
    "A pgvector update waits",
    "The server has a newer pgvector library than the version this database uses.",
    ExitCode.VERSION,
    503,
)
PGV_UNSURE = Code(
    "MOS-PGV-009",
    "Whether pgvector could be loaded is not visible",
    "The extension is not enabled here. Only a superuser can try to load the library without enabling it.",
    ExitCode.VERSION,
    503,
)

VK_NOT_VALKEY = Code(
    "MOS-VK-020",
    "This is not Valkey",
    "The server at this address speaks the protocol and does not say that it is Valkey. It may be Redis.",
    ExitCode.VERSION,
    503,
)
VK_TOO_OLD = Code(
    "MOS-VK-021",
    "This Valkey is too old",
    "The queue needs Valkey 7.2 or newer.",
    ExitCode.VERSION,
    503,
)
VK_EVICTS = Code(
    "MOS-VK-022",
    "Valkey may throw queued work away",
    "Its policy for a full memory is to evict keys. A queue must not lose keys: it needs `noeviction`.",
    ExitCode.VERSION,
    503,
)
VK_NOT_PERSISTENT = Code(
    "MOS-VK-023",
    "Valkey keeps nothing on disk",
    "Neither the append-only file nor snapshots are on: a restart of Valkey empties the queue.",
    ExitCode.VERSION,
    503,
)
VK_SAVE_FAILED = Code(
    "MOS-VK-024",
    "Valkey's last write to disk failed",
    "Valkey answers, and its last snapshot or append-only write failed. It may start to refuse writes.",
    ExitCode.UNREACHABLE,
    503,
)

PG_NOT_POSTGRES = Code(
    "MOS-PG-027",
    "What answers is not PostgreSQL",
    "Something listens at the address and does not speak PostgreSQL's protocol: the port is probably another "
    "program's.",
    ExitCode.UNREACHABLE,
    503,
)
PG_TABLES = Code(
    "MOS-PG-028",
    "The store's tables are incomplete",
    "The database holds some of the tables of the store and lacks others.",
    ExitCode.VERSION,
    503,
)

STORE_UNFINISHED = Code(
    "MOS-STO-020",
    "An unfinished migration lies in this store",
    "A migration into this store began and did not end: its data is incomplete or not verified. A gateway does not "
    "serve it.",
    ExitCode.BUSY,
    503,
)
STORE_MIGRATING = Code(
    "MOS-STO-021",
    "A migration is at work on this store",
    "A migration holds the store's lock right now, so no gateway can serve it. That ends by itself.",
    ExitCode.BUSY,
    503,
)
STORE_FOREIGN_LOCK = Code(
    "MOS-STO-022",
    "A program that is not ours holds the store's lock",
    "A session that is neither a gateway nor a migration holds the lock that keeps those two apart.",
    ExitCode.BUSY,
    503,
)

ALL = (
    PROBE_TIMEOUT,
    PROBE_CRASHED,
    BAD_SUPPRESSION,
    WEBHOOK_TARGET,
    PG_NO_CREATE,
    PG_TOO_OLD,
    PG_UNTRIED,
    PG_POOLER,
    PG_HEADROOM,
    PG_ENCODING,
    PG_DISK,
    PGV_LIBRARY_MISSING,
    PGV_NOT_PERMITTED,
    PGV_NOT_ENABLED,
    PGV_BROKEN,
    PGV_TOO_OLD,
    PGV_UNTRIED,
    PGV_DOWNGRADED,
    PGV_UPDATE,
    PGV_UNSURE,
    VK_NOT_VALKEY,
    VK_TOO_OLD,
    VK_EVICTS,
    VK_NOT_PERSISTENT,
    VK_SAVE_FAILED,
    PG_NOT_POSTGRES,
    PG_TABLES,
    STORE_UNFINISHED,
    STORE_MIGRATING,
    STORE_FOREIGN_LOCK,
)
