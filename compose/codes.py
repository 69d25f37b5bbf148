"""What can be wrong with the stack: its processes, its containers, its engine."""

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

NO_ENGINE = Code(
    "MOS-STK-010",
    "No Docker engine here",
    "There is no Docker on this host, it does not run, or this account may not use it.",
    ExitCode.UNREACHABLE,
    503,
)
NO_COMPOSE = Code(
    "MOS-STK-011",
    "Docker's compose plugin is missing",
    "Docker is there, and the plugin that reads compose files is not.",
    ExitCode.CONFIG,
    503,
)
COMMAND_FAILED = Code(
    "MOS-STK-012",
    "A Docker command failed",
    "Docker refused, or gave up, what the stack was told to do. The output of the command says why.",
    ExitCode.UNREACHABLE,
    503,
)
ENGINE_HANGS = Code(
    "MOS-STK-013",
    "Docker does not answer",
    "The engine accepted a question and did not answer it in time.",
    ExitCode.UNREACHABLE,
    503,
)
PORT_IN_USE = Code(
    "MOS-STK-014",
    "A port of the stack is taken",
    "Another program listens on a port that a service of the stack is to be reached at.",
    ExitCode.CONFIG,
    409,
)
NO_IMAGE = Code(
    "MOS-STK-015",
    "An image is missing",
    "An image that the compose file names is not on this host, and no registry gave it.",
    ExitCode.UNREACHABLE,
    503,
)
NOT_HEALTHY = Code(
    "MOS-STK-016",
    "A service is not healthy",
    "A container of the stack runs, and its health check fails or never passed.",
    ExitCode.UNREACHABLE,
    503,
)
STACK_DOWN = Code(
    "MOS-STK-017",
    "The stack does not run",
    "What was asked for needs a running stack, and its services are stopped or were never started.",
    ExitCode.UNREACHABLE,
    409,
)
ACTION_RUNS = Code(
    "MOS-STK-018",
    "Another action runs",
    "Two actions on one stack would undo each other, so they run one after the other.",
    ExitCode.BUSY,
    409,
)
SUPERVISED = Code(
    "MOS-STK-019",
    "The demo looks after the stack",
    "`mosaic demo` runs the stack's servers and starts again what stops, so nothing else may start or stop them.",
    ExitCode.BUSY,
    409,
)
NO_QUEUE = Code(
    "MOS-STK-020",
    "The job queue does not answer",
    "An action on the stack needs a worker, and the queue that tells workers is down. Nothing was done.",
    ExitCode.UNREACHABLE,
    503,
)
INTERRUPTED = Code(
    "MOS-STK-021",
    "An action was interrupted",
    "The process that worked on an action ended before the action did. Every action can be repeated.",
    ExitCode.UNREACHABLE,
    503,
)
PORT_OFFERED = Code(
    "MOS-STK-022",
    "The network reaches the stack",
    "A service of the stack publishes its port on an address that other machines reach.",
    ExitCode.CONFIG,
    409,
)
CONFIG_DRIFT = Code(
    "MOS-STK-023",
    "The stack runs with an older configuration",
    "A service was started from another configuration than the one that would be applied now.",
    ExitCode.CONFIG,
    409,
)
ROTATION_UNFINISHED = Code(
    "MOS-STK-024",
    "A change of passwords was cut short",
    "New passwords were written down and not yet proved on both servers: files and servers may differ.",
    ExitCode.PRIVILEGE,
    409,
)
MIGRATION_RUNS = Code(
    "MOS-STK-025",
    "A migration runs on the stack",
    "The passwords are not changed under a running migration: its next session would be refused.",
    ExitCode.BUSY,
    409,
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
    NO_ENGINE,
    NO_COMPOSE,
    COMMAND_FAILED,
    ENGINE_HANGS,
    PORT_IN_USE,
    NO_IMAGE,
    NOT_HEALTHY,
    STACK_DOWN,
    ACTION_RUNS,
    SUPERVISED,
    NO_QUEUE,
    INTERRUPTED,
    PORT_OFFERED,
    CONFIG_DRIFT,
    ROTATION_UNFINISHED,
    MIGRATION_RUNS,
)
