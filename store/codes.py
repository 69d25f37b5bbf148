"""The codes of the store, its lock and its ledger."""

from __future__ import annotations

from mosaic_admin.codes import Code, ExitCode

BUSY = Code(
    "MOS-STO-001",
    "The store is in use",
    "A gateway or a migration holds this store's lock, so the other one may not start on it.",
    ExitCode.BUSY,
    409,
)
STALE_EPOCH = Code(
    "MOS-STO-002",
    "Another worker has taken over",
    "A newer worker claimed this migration run. The older one stopped before it could write anything more.",
    ExitCode.BUSY,
    409,
)
LEDGER_VERSION = Code(
    "MOS-STO-003",
    "The ledger has another version",
    "The schema mosaic_migration in this store was written by a version of Mosaic Admin that this one cannot read.",
    ExitCode.VERSION,
    409,
)
NOT_EMPTY = Code(
    "MOS-STO-004",
    "The store is not empty",
    "Sample data goes into an empty store only: it would mix with, or collide with, the rows that are there.",
    ExitCode.USAGE,
    409,
)
STORE_REFUSED = Code(
    "MOS-STO-005",
    "The store refused a statement",
    "The database took the connection, and then refused what Mosaic Admin asked of it.",
    ExitCode.PRIVILEGE,
    502,
)
NO_VECTOR = Code(
    "MOS-STO-006",
    "pgvector could not be enabled",
    "The federated store keeps embeddings in pgvector, and the extension could not be created in its database.",
    ExitCode.VERSION,
    502,
)
NO_RUN = Code(
    "MOS-STO-007",
    "The migration run is not in the ledger",
    "The store's ledger holds no run with this id: it was discarded, or the target is another database.",
    ExitCode.BUSY,
    409,
)
NOT_FEDERATED = Code(
    "MOS-STO-008",
    "Vectors belong to the federated tier",
    "pgvector is enabled where the configuration says `enableVector`, and nowhere else: other tiers never touch it.",
    ExitCode.CONFIG,
    409,
)
NOT_OPEN = Code(
    "MOS-STO-009",
    "The PGlite directory is not open",
    "A PGlite directory is opened under its lock only, and something asked for it without holding that lock.",
    ExitCode.BUG,
    500,
)

LEDGER_OWNER = Code(
    "MOS-STO-010",
    "The ledger's schema belongs to somebody else",
    "Another role owns the schema mosaic_migration in the target, or a table in it: it could replace the ledger at any "
    "time. The database's owner, superusers, and group roles that one is a member of are no others.",
    ExitCode.PRIVILEGE,
    409,
)

ALL = (
    BUSY, STALE_EPOCH, LEDGER_VERSION, NOT_EMPTY, STORE_REFUSED, NO_VECTOR, NO_RUN, NOT_FEDERATED, NOT_OPEN,
    LEDGER_OWNER,
)  # fmt: skip
