"""What can be wrong with the stack's own processes."""

from mosaic_admin.codes import Code, ExitCode

NOT_STARTED = Code(
    "MOS-STK-001",
    "A server did not start",
    "An embedded PostgreSQL or Valkey ended, or said nothing, while it was being started. Its log has the reason.",
    ExitCode.UNREACHABLE,
    503,
)
NOT_STOPPED = Code(
    "MOS-STK-002",
    "A process did not stop",
    "A process was asked to stop and is still there after its time was up.",
    ExitCode.UNREACHABLE,
    503,
)
BINARIES_MISSING = Code(
    "MOS-STK-003",
    "Server binaries are missing",
    "The packages that carry PostgreSQL and Valkey are not in this environment, or not for this kind of machine.",
    ExitCode.CONFIG,
)
DATA_VERSION = Code(
    "MOS-STK-004",
    "Data of another PostgreSQL",
    "The data folder was made by another major version of PostgreSQL, and no version opens another's.",
    ExitCode.VERSION,
)
ALREADY_RUNNING = Code(
    "MOS-STK-005",
    "Already running",
    "Another `mosaic demo` runs on the same MOSAIC_HOME.",
    ExitCode.BUSY,
    409,
)
SECRET_MISSING = Code(
    "MOS-STK-006",
    "A server's password is gone",
    "A server's data is there, and the file with its password is not.",
    ExitCode.CONFIG,
)
NOT_READY = Code(
    "MOS-STK-007",
    "A process is not ready",
    "A process of the demo was started and does not answer. Its log has the reason.",
    ExitCode.UNREACHABLE,
    503,
)
STEP_FAILED = Code(
    "MOS-STK-008",
    "A preparing step failed",
    "One of the steps before the demo's processes start (schema migrations, sample data) ended with an error.",
    ExitCode.BUG,
)

ALL = (
    NOT_STARTED,
    NOT_STOPPED,
    BINARIES_MISSING,
    DATA_VERSION,
    ALREADY_RUNNING,
    SECRET_MISSING,
    NOT_READY,
    STEP_FAILED,
)
