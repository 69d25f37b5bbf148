"""What can be wrong with a PGlite directory: MOS-PGL. Doctor, boot gate and migration show the same codes."""

from __future__ import annotations

from mosaic_admin.codes import Code, ExitCode

DIRECTORY = Code(
    "MOS-PGL-001",
    "The PGlite directory cannot be read",
    "The directory that the configuration names is missing, empty, or not readable by this user.",
    ExitCode.UNREACHABLE,
    503,
)
MAJOR = Code(
    "MOS-PGL-002",
    "No engine for this PGlite directory",
    "The directory's PG_VERSION names a PostgreSQL major that no known PGlite release opens.",
    ExitCode.VERSION,
    503,
)
NO_NODE = Code(
    "MOS-PGL-003",
    "Node.js is missing",
    "PGlite runs inside Node.js 20 or newer, and none was found.",
    ExitCode.VERSION,
    503,
)
IN_USE = Code(
    "MOS-PGL-004",
    "A program has the PGlite directory open",
    "PGlite has no lock of its own: two programs on one directory damage it.",
    ExitCode.BUSY,
    503,
)
NO_ENGINE = Code(
    "MOS-PGL-005",
    "The PGlite engines are not installed",
    "Node.js is there and the npm packages with the engines are not. They are installed once, by their own command.",
    ExitCode.VERSION,
    503,
)
NOT_OPENED = Code(
    "MOS-PGL-006",
    "PGlite could not open the directory",
    "The engine for the directory's version started and did not come up with its data: the directory is damaged or "
    "incomplete, or it asks for something that this machine cannot give.",
    ExitCode.UNREACHABLE,
    503,
)
TWO_DATABASES = Code(
    "MOS-PGL-007",
    "Two databases of the PGlite directory hold tables",
    "PGlite's releases had two names for their default database. Here both of them hold tables, and nobody but the "
    "owner knows which ones are the store.",
    ExitCode.CONFIG,
    503,
)
INSTALL_FAILED = Code(
    "MOS-PGL-008",
    "The PGlite engines could not be installed",
    "npm did not deliver the packages that the lock file names.",
    ExitCode.UNREACHABLE,
    503,
)
CHANGED = Code(
    "MOS-PGL-009",
    "The PGlite directory changed while it was copied",
    "A program wrote into the directory at that time, so the copy would hold parts of two states.",
    ExitCode.BUSY,
    503,
)
NO_ROOM = Code(
    "MOS-PGL-010",
    "No room for a copy of the PGlite directory",
    "A migration never opens a live directory: it reads a private copy, and the disk has no room for one.",
    ExitCode.UNREACHABLE,
    503,
)

ALL = (
    DIRECTORY,
    MAJOR,
    NO_NODE,
    IN_USE,
    NO_ENGINE,
    NOT_OPENED,
    TWO_DATABASES,
    INSTALL_FAILED,
    CHANGED,
    NO_ROOM,
)
