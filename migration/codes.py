"""Codes of the migration engine (MOS-MIG-001 … 099); those of jobs start at 101."""

from __future__ import annotations

from mosaic_admin.codes import Code, ExitCode

DIRECTION = Code(
    "MOS-MIG-001",
    "The direction is not possible",
    "Data moves one way: from a local or standalone store to a federated one, and never onto itself.",
    ExitCode.USAGE,
    422,
)
COLLATION = Code(
    "MOS-MIG-004",
    "The collations differ",
    "Texts may sort in another order on the target. The data itself is not affected.",
    ExitCode.OK,
    200,
)
TARGET_NOT_EMPTY = Code(
    "MOS-MIG-007",
    "The target is not empty",
    "A migration writes into an empty database, or one that an unfinished run of the same source has begun to fill.",
    ExitCode.DECISION,
    409,
)
SESSIONS = Code(
    "MOS-MIG-008",
    "Other sessions are connected",
    "Programs that do not take the store's lock may write while the data is copied; their writes would be lost.",
    ExitCode.BUSY,
    409,
)
LOCKED = Code(
    "MOS-MIG-009",
    "The store is in use",
    "A gateway or another migration holds the lock of one of the two stores.",
    ExitCode.BUSY,
    409,
)
DISK = Code(
    "MOS-MIG-010",
    "Room on the target's disk",
    "The target needs about one and a half times the source's size while it is loaded.",
    ExitCode.OK,
    200,
)
PRIVILEGE = Code(
    "MOS-MIG-012",
    "A privilege is missing",
    "The role must be able to read every table of the source and create tables in the target.",
    ExitCode.PRIVILEGE,
    422,
)
WOULD_REJECT = Code(
    "MOS-MIG-013",
    "Rows would be rejected",
    "The store's rules do not allow some of the source's rows: missing values, duplicates or references to nothing.",
    ExitCode.DECISION,
    422,
)
NAME_CLASH = Code(
    "MOS-MIG-014",
    "Two names become one",
    "Two tables or columns of the source map to the same name in the store, and only one of them can be right.",
    ExitCode.DECISION,
    422,
)
TYPE = Code(
    "MOS-MIG-015",
    "A type cannot be converted",
    "A column's type has no conversion to the store's type, or no method that could verify it.",
    ExitCode.DECISION,
    422,
)
LARGEST_VALUE = Code(
    "MOS-MIG-016",
    "The largest value",
    "Each row passes through memory whole: the largest value decides how much a copier needs.",
    ExitCode.OK,
    200,
)
NOT_CARRIED = Code(
    "MOS-MIG-017",
    "A part of the source is not carried",
    "Data arrives whole, but a table's partitions, inheritance or rules of its own are not made in the target.",
    ExitCode.OK,
    200,
)
NOT_READY = Code(
    "MOS-MIG-020",
    "The plan cannot run",
    "A check blocks or a decision is open, so the run stopped before it wrote anything.",
    ExitCode.DECISION,
    409,
)
OTHER_RUN = Code(
    "MOS-MIG-021",
    "The target belongs to another run",
    "The target's ledger names another source or another plan; this run may not touch what that one wrote.",
    ExitCode.DECISION,
    409,
)
SOURCE_CHANGED = Code(
    "MOS-MIG-022",
    "The data changed after the migration",
    "A finished migration is only verified again, and one of its ends no longer holds what was verified then.",
    ExitCode.DIFFERENCES,
    409,
)
SCHEMA_MISMATCH = Code(
    "MOS-MIG-023",
    "The target's schema is not the planned one",
    "After the schema was created, a table or column that the plan fills is missing or has another type.",
    ExitCode.VERSION,
    409,
)
CONNECTION_LOST = Code(
    "MOS-MIG-024",
    "The run was interrupted",
    "A server stopped answering or ended the run's session. Everything committed so far is kept.",
    ExitCode.UNREACHABLE,
    503,
)
DATABASE_REFUSED = Code(
    "MOS-MIG-025",
    "A database refused a statement",
    "A server answered one of the run's statements with an error that is not about a single row.",
    ExitCode.UNREACHABLE,
    500,
)

NOT_DISCARDABLE = Code(
    "MOS-MIG-026",
    "The run cannot be discarded",
    "Only an unfinished run is taken out of its target, and only what it wrote itself.",
    ExitCode.DECISION,
    409,
)
ALL = (
    DIRECTION,
    COLLATION,
    TARGET_NOT_EMPTY,
    SESSIONS,
    LOCKED,
    DISK,
    PRIVILEGE,
    WOULD_REJECT,
    NAME_CLASH,
    TYPE,
    LARGEST_VALUE,
    NOT_CARRIED,
    NOT_READY,
    OTHER_RUN,
    SOURCE_CHANGED,
    SCHEMA_MISMATCH,
    CONNECTION_LOST,
    DATABASE_REFUSED,
    NOT_DISCARDABLE,
)
