"""Codes of jobs: what a run's surroundings can refuse. The engine's own are in `migration.codes`."""

from __future__ import annotations

from mosaic_admin.codes import Code, ExitCode

JOB_BUSY = Code(
    "MOS-MIG-101",
    "Another run works on this target",
    "One migration at a time may write to a target. The other run has to finish or be cancelled first.",
    ExitCode.BUSY,
    409,
)
STALE_PLAN = Code(
    "MOS-MIG-102",
    "The plan is out of date",
    "The confirmed plan hash is not the hash of the newest plan: the source, the target or a decision has changed.",
    ExitCode.DECISION,
    409,
)
WRONG_NAME = Code(
    "MOS-MIG-103",
    "The target's name does not match",
    "Starting repeats the target's name, so that nobody writes to a database by mistake.",
    ExitCode.USAGE,
    422,
)
NOT_READY = Code(
    "MOS-MIG-104",
    "The plan is not ready",
    "A decision is open or a check blocks, so the run cannot start.",
    ExitCode.DECISION,
    409,
)
WRONG_STATE = Code(
    "MOS-MIG-105",
    "The run's state does not allow this",
    "What was asked does not fit the state the run is in; somebody else may have been faster.",
    ExitCode.USAGE,
    409,
)
NO_BROKER = Code(
    "MOS-MIG-106",
    "The job queue does not answer",
    "Workers get their jobs through the control plane's Valkey, and it cannot be reached.",
    ExitCode.UNREACHABLE,
    503,
)
DIFFERENCES = Code(
    "MOS-MIG-107",
    "The verification found differences",
    "The target does not hold exactly what the source holds. The source is unchanged; the target is not in use.",
    ExitCode.DIFFERENCES,
    409,
)
REJECTS = Code(
    "MOS-MIG-108",
    "Rows were rejected",
    "The target could not take some rows. They are listed, with their reasons, in the target's reject table.",
    ExitCode.DIFFERENCES,
    409,
)
WRONG_CONFIRMATION = Code(
    "MOS-MIG-109",
    "The typed confirmation does not fit",
    "Cancelling repeats the words `run N`, a cutover or rollback the name that it shows, and a start from a PGlite "
    "directory says that nobody uses it: nobody does these by mistake.",
    ExitCode.USAGE,
    422,
)
PLANNING_LOST = Code(
    "MOS-MIG-110",
    "The dry run did not come to an end",
    "Every worker that took this dry run stopped before it was done. It had written nothing on either end.",
    ExitCode.UNREACHABLE,
    503,
)
BAD_DECISION = Code(
    "MOS-MIG-111",
    "The decision cannot be used",
    "A decision names something in a form that is not understood, or a skip has no reason.",
    ExitCode.USAGE,
    422,
)
NO_TARGET = Code(
    "MOS-MIG-112",
    "There is no target configuration",
    "A migration needs the configuration of the federated tier that it should write to.",
    ExitCode.CONFIG,
    422,
)
INTERRUPTED = Code(
    "MOS-MIG-113",
    "The run was interrupted",
    "The worker that did this run stopped. Finished chunks are in the target with their checkpoint.",
    ExitCode.BUSY,
    409,
)
CUTOVER_NOT_READY = Code(
    "MOS-MIG-114",
    "The run cannot be cut over",
    "A cutover makes a verified run's target the store that the gateway boots from; this run is not there yet, or the "
    "gateway boots from another store than the one that was migrated.",
    ExitCode.DECISION,
    409,
)
CUTOVER_CHANGED = Code(
    "MOS-MIG-115",
    "Source or target changed since the verification",
    "Somebody wrote into one of the two stores after the run was verified. A cutover would lose or mix that.",
    ExitCode.DIFFERENCES,
    409,
)
SMOKE_FAILED = Code(
    "MOS-MIG-116",
    "The federated store failed its smoke test",
    "Before a cutover is called done, a row is written, read back, found by its vector, and taken out again.",
    ExitCode.DIFFERENCES,
    409,
)
NO_CUTOVER = Code(
    "MOS-MIG-117",
    "There is no cutover to roll back",
    "A rollback goes back from a cutover that this dashboard made.",
    ExitCode.DECISION,
    409,
)
GAINED_UNSEEN = Code(
    "MOS-MIG-118",
    "What the federated store gained cannot be seen",
    "A rollback leaves behind what was written since the cutover. The federated store does not answer, so nobody can "
    "say what that is.",
    ExitCode.UNREACHABLE,
    503,
)

SIGNING_KEY = Code(
    "MOS-MIG-119",
    "The signing key cannot be used",
    "Certificates are signed with the install's Ed25519 key; the file is missing, readable by others, or another key.",
    ExitCode.CONFIG,
    503,
)
BAD_CERTIFICATE = Code(
    "MOS-MIG-120",
    "The certificate does not hold",
    "The file is no certificate, was changed after it was signed, or does not say what the stores hold today.",
    ExitCode.DIFFERENCES,
    422,
)

NO_SCRATCH = Code(
    "MOS-MIG-121",
    "No scratch database for a rehearsal",
    "A rehearsal moves everything into a database of its own on the target's server; the role may not create one.",
    ExitCode.PRIVILEGE,
    409,
)
REHEARSAL_LOST = Code(
    "MOS-MIG-122",
    "The rehearsal was cut short",
    "The worker that rehearsed stopped. A rehearsal is not resumed: its scratch database is dropped.",
    ExitCode.BUSY,
    409,
)

BAD_THROTTLE = Code(
    "MOS-MIG-123",
    "The speed limit cannot be used",
    "A limit is a number of MB (10^6 bytes) per second that is neither zero nor without end.",
    ExitCode.USAGE,
    422,
)


ALL = (
    JOB_BUSY,
    STALE_PLAN,
    WRONG_NAME,
    NOT_READY,
    WRONG_STATE,
    NO_BROKER,
    DIFFERENCES,
    REJECTS,
    WRONG_CONFIRMATION,
    PLANNING_LOST,
    BAD_DECISION,
    NO_TARGET,
    INTERRUPTED,
    CUTOVER_NOT_READY,
    CUTOVER_CHANGED,
    SMOKE_FAILED,
    NO_CUTOVER,
    GAINED_UNSEEN,
    SIGNING_KEY,
    BAD_CERTIFICATE,
    NO_SCRATCH,
    REHEARSAL_LOST,
    BAD_THROTTLE,
)
