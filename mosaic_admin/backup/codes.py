"""Codes of backup and restore."""

from __future__ import annotations

from mosaic_admin.codes import Code, ExitCode

NOT_READABLE = Code(
    "MOS-BAK-001",
    "Not a backup that can be read",
    "The file is missing, is no backup of Mosaic Admin, is cut short, or its contents are not what its manifest says.",
    ExitCode.USAGE,
    422,
)
PASSPHRASE = Code(
    "MOS-BAK-002",
    "Passphrase missing or wrong",
    "The backup is encrypted, and no passphrase was given or another one than it was made with.",
    ExitCode.PRIVILEGE,
    403,
)
NEWER = Code(
    "MOS-BAK-003",
    "Made by a newer version",
    "The backup was made by a newer Mosaic Admin: this one does not know what its tables hold.",
    ExitCode.VERSION,
    409,
)
FILE_EXISTS = Code(
    "MOS-BAK-004",
    "The backup cannot be written",
    "The file exists already, and a backup is never overwritten, or its folder cannot be written.",
    ExitCode.USAGE,
    409,
)
IN_USE = Code(
    "MOS-BAK-005",
    "Mosaic Admin is running",
    "A restore waits for nobody: web, worker, beat and every other command on this dashboard have to be stopped first.",
    ExitCode.BUSY,
    409,
)
UNFINISHED = Code(
    "MOS-BAK-006",
    "A restore is running, or was cut short",
    "A restore was killed after it began to replace files. Nothing starts on such an install until it is finished.",
    ExitCode.BUSY,
    409,
)
OTHER_ENGINE = Code(
    "MOS-BAK-007",
    "Another database engine",
    "The backup is one of SQLite and this install uses PostgreSQL, or the other way round.",
    ExitCode.CONFIG,
    409,
)
CUT_OVER_SINCE = Code(
    "MOS-BAK-008",
    "Cut over since the backup",
    "The configuration in the backup belongs to another cutover than today's: with it the gateway would boot on a "
    "store that was left.",
    ExitCode.CONFIG,
    409,
)
DATABASE = Code(
    "MOS-BAK-009",
    "The database refused",
    "The dashboard's database could not be read for a backup, or not be filled by a restore, which changed nothing.",
    ExitCode.UNREACHABLE,
    503,
)

UNREADABLE = Code(
    "MOS-BAK-010",
    "A file of the install cannot be read",
    "A backup takes keys, passwords and the configuration along, and this account may not read one of them.",
    ExitCode.PRIVILEGE,
    403,
)

ALL = (
    NOT_READABLE, PASSPHRASE, NEWER, FILE_EXISTS, IN_USE, UNFINISHED, OTHER_ENGINE, CUT_OVER_SINCE, DATABASE,
    UNREADABLE,
)  # fmt: skip
