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

PG_QUERY = Code(
    "MOS-PG-020",
    "PostgreSQL accepts the sign-in and refuses queries",
    "The connection and the password are right, and the simplest query does not come back.",
    ExitCode.UNREACHABLE,
    503,
)
PG_PRIVILEGE = Code(
    "MOS-PG-021",
    "The role may not use the store",
    "The role of the configuration can sign in and lacks a right on the tables of the store.",
    ExitCode.PRIVILEGE,
    503,
)
PG_NO_CREATE = Code(
    "MOS-PG-022",
    "The role may not create schemas",
    "The gateway can serve with this role. A migration into this database cannot start: it keeps its ledger in a "
    "schema of its own and creates the tables of the store.",
    ExitCode.PRIVILEGE,
    503,
)
PG_TOO_OLD = Code(
    "MOS-PG-023",
    "This PostgreSQL is too old",
    "The server's major version is below what this tier needs: 17 for the federated tier, 14 for the standalone tier.",
    ExitCode.VERSION,
    503,
)
PG_UNTRIED = Code(
    "MOS-PG-024",
    "This PostgreSQL is newer than the ones tried",
    "The server's major version is above the newest one that this release was tested on. It may well work.",
    ExitCode.VERSION,
    503,
)
PG_READ_ONLY = Code(
    "MOS-PG-025",
    "The server takes no writes",
    "The database is a standby, or it is set to read-only transactions: the gateway could show data and save nothing.",
    ExitCode.UNREACHABLE,
    503,
)
PG_POOLER = Code(
    "MOS-PG-026",
    "A connection pooler stands in between",
    "The address belongs to a pooler, not to PostgreSQL itself. In transaction mode a pooler hands each statement to "
    "another session: the lock that keeps a gateway and a migration apart would be held by nobody. Migrations refuse "
    "it.",
    ExitCode.VERSION,
    503,
)
PG_HEADROOM = Code(
    "MOS-PG-027",
    "Few free connections",
    "Nearly all connections the server allows are taken. The next gateway worker or migration may be refused.",
    ExitCode.UNREACHABLE,
    503,
)
PG_ENCODING = Code(
    "MOS-PG-028",
    "The database is not in UTF-8",
    "The store holds text in any script. A database in another encoding refuses or mangles it.",
    ExitCode.VERSION,
    503,
)
PG_DISK = Code(
    "MOS-PG-029",
    "Little free disk",
    "The file system of the database is nearly full. PostgreSQL stops when it is.",
    ExitCode.UNREACHABLE,
    503,
)
PG_LOCK_LOST = Code(
    "MOS-PG-030",
    "The store's lock is held by a program that is not ours",
    "A session that is neither a gateway nor a migration holds the lock that keeps those two apart.",
    ExitCode.BUSY,
    503,
)
PG_OLD_TABLES = Code(
    "MOS-PG-031",
    "The store's tables are incomplete",
    "The database holds some of the tables of the store and lacks others.",
    ExitCode.VERSION,
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

VK_REFUSES = Code(
    "MOS-VK-020",
    "Valkey accepts the connection and refuses commands",
    "The connection and the password are right, and Valkey does not do what it is asked.",
    ExitCode.UNREACHABLE,
    503,
)
VK_NOT_VALKEY = Code(
    "MOS-VK-021",
    "This is not Valkey",
    "The server at this address speaks the protocol and does not say that it is Valkey. It may be Redis.",
    ExitCode.VERSION,
    503,
)
VK_TOO_OLD = Code(
    "MOS-VK-022",
    "This Valkey is too old",
    "The queue needs Valkey 7.2 or newer.",
    ExitCode.VERSION,
    503,
)
VK_EVICTS = Code(
    "MOS-VK-023",
    "Valkey may throw queued work away",
    "Its policy for a full memory is to evict keys. A queue must not lose keys: it needs `noeviction`.",
    ExitCode.VERSION,
    503,
)
VK_NOT_PERSISTENT = Code(
    "MOS-VK-024",
    "Valkey keeps nothing on disk",
    "Neither the append-only file nor snapshots are on: a restart of Valkey empties the queue.",
    ExitCode.VERSION,
    503,
)
VK_SAVE_FAILED = Code(
    "MOS-VK-025",
    "Valkey's last write to disk failed",
    "Valkey answers, and its last snapshot or append-only write failed. It may start to refuse writes.",
    ExitCode.UNREACHABLE,
    503,
)
VK_ACL = Code(
    "MOS-VK-026",
    "The Valkey user lacks a right",
    "The password is right, and the user's ACL does not allow what the queue or this check needs.",
    ExitCode.PRIVILEGE,
    503,
)
VK_REPLICA = Code(
    "MOS-VK-027",
    "This Valkey is a read-only replica",
    "The address belongs to a replica: the queue cannot write to it.",
    ExitCode.UNREACHABLE,
    503,
)

PGL_DIRECTORY = Code(
    "MOS-PGL-001",
    "The PGlite directory cannot be read",
    "The directory that the configuration names is missing, empty, or not readable by this user.",
    ExitCode.UNREACHABLE,
    503,
)
PGL_VERSION = Code(
    "MOS-PGL-002",
    "No engine for this PGlite directory",
    "The directory's PG_VERSION names a PostgreSQL major that no known PGlite release opens.",
    ExitCode.VERSION,
    503,
)
PGL_NO_NODE = Code(
    "MOS-PGL-003",
    "Node.js is missing",
    "PGlite runs inside Node.js 20 or newer, and none was found.",
    ExitCode.VERSION,
    503,
)
PGL_IN_USE = Code(
    "MOS-PGL-004",
    "A program has the PGlite directory open",
    "PGlite has no lock of its own: two programs on one directory damage it.",
    ExitCode.BUSY,
    503,
)

ALL = (
    PROBE_TIMEOUT,
    PROBE_CRASHED,
    PG_QUERY,
    PG_PRIVILEGE,
    PG_NO_CREATE,
    PG_TOO_OLD,
    PG_UNTRIED,
    PG_READ_ONLY,
    PG_POOLER,
    PG_HEADROOM,
    PG_ENCODING,
    PG_DISK,
    PG_LOCK_LOST,
    PG_OLD_TABLES,
    PGV_LIBRARY_MISSING,
    PGV_NOT_PERMITTED,
    PGV_NOT_ENABLED,
    PGV_BROKEN,
    PGV_TOO_OLD,
    PGV_UNTRIED,
    PGV_DOWNGRADED,
    PGV_UPDATE,
    PGV_UNSURE,
    VK_REFUSES,
    VK_NOT_VALKEY,
    VK_TOO_OLD,
    VK_EVICTS,
    VK_NOT_PERSISTENT,
    VK_SAVE_FAILED,
    VK_ACL,
    VK_REPLICA,
    PGL_DIRECTORY,
    PGL_VERSION,
    PGL_NO_NODE,
    PGL_IN_USE,
)
