"""Codes of the tier packages: MOS-CFG (configuration) and the connection level of MOS-PG and MOS-VK.

The doctor's own probe codes start at 020; boot gate, jobs and pages show the codes below for the same faults.
"""

from __future__ import annotations

from mosaic_admin.codes import Code, ExitCode

_UNREACHABLE, _PRIVILEGE, _CONFIG = ExitCode.UNREACHABLE, ExitCode.PRIVILEGE, ExitCode.CONFIG

PG_NAME = Code("MOS-PG-001", "PostgreSQL's host name is not known", "No name server knows the host.", _UNREACHABLE, 503)
PG_REFUSED = Code(
    "MOS-PG-002",
    "PostgreSQL refused the connection",
    "The host answers and nothing listens on the port, or no route leads to the host.",
    _UNREACHABLE,
    503,
)
PG_TIMEOUT = Code(
    "MOS-PG-003",
    "PostgreSQL did not answer in time",
    "The address took the connection attempt and said nothing: a firewall that drops packets, or a frozen server.",
    _UNREACHABLE,
    503,
)
PG_TLS = Code(
    "MOS-PG-004",
    "TLS to PostgreSQL failed",
    "Client and server do not agree on encryption, or the certificate is not trusted.",
    _UNREACHABLE,
    503,
)
PG_AUTHENTICATION = Code(
    "MOS-PG-005",
    "PostgreSQL refused user or password",
    "The server knows no such user, the password is wrong or missing, or pg_hba.conf does not admit this client.",
    _PRIVILEGE,
    503,
)
PG_DATABASE = Code(
    "MOS-PG-006", "The database does not exist", "The server has no database of the configured name.", _CONFIG, 503
)
PG_STARTING = Code(
    "MOS-PG-007",
    "PostgreSQL is still starting",
    "The server runs and does not take connections yet, or it is shutting down. It is worth waiting.",
    _UNREACHABLE,
    503,
)
PG_CONNECTIONS = Code(
    "MOS-PG-008",
    "PostgreSQL has no free connection",
    "Every connection that max_connections or the role's limit allows is in use.",
    _UNREACHABLE,
    503,
)
PG_PRIVILEGE = Code(
    "MOS-PG-009", "A privilege is missing in PostgreSQL", "The role may not do what was asked.", _PRIVILEGE, 503
)
PG_DISK_FULL = Code(
    "MOS-PG-010", "PostgreSQL's disk is full", "The server could not write. Nothing half-done stays.", _UNREACHABLE, 503
)
PG_READ_ONLY = Code(
    "MOS-PG-011",
    "PostgreSQL is read-only",
    "The server is a standby, or default_transaction_read_only is on.",
    _UNREACHABLE,
    503,
)
PG_LOST = Code(
    "MOS-PG-012",
    "The connection to PostgreSQL was lost",
    "The server was stopped or crashed, an administrator ended the session, or the network cut it.",
    _UNREACHABLE,
    503,
)
PG_OTHER = Code(
    "MOS-PG-019",
    "PostgreSQL reported an error",
    "The SQLSTATE says which: PostgreSQL manual, appendix A.",
    _UNREACHABLE,
    503,
)

VK_NAME = Code("MOS-VK-001", "Valkey's host name is not known", "No name server knows the host.", _UNREACHABLE, 503)
VK_REFUSED = Code(
    "MOS-VK-002",
    "Valkey refused the connection",
    "The host answers and nothing listens on the port, or no route leads to the host.",
    _UNREACHABLE,
    503,
)
VK_TIMEOUT = Code(
    "MOS-VK-003",
    "Valkey did not answer in time",
    "The address took the connection attempt and said nothing: a firewall that drops packets, or a frozen server.",
    _UNREACHABLE,
    503,
)
VK_TLS = Code(
    "MOS-VK-004",
    "TLS to Valkey failed",
    "rediss:// against a port without TLS, or a certificate that is not trusted.",
    _UNREACHABLE,
    503,
)
VK_AUTHENTICATION = Code(
    "MOS-VK-005",
    "Valkey refused user or password",
    "The password is wrong or missing, or the ACL user does not exist or is off.",
    _PRIVILEGE,
    503,
)
VK_DATABASE = Code(
    "MOS-VK-006", "The Valkey database number does not exist", "The number is above the server's limit.", _CONFIG, 503
)
VK_STARTING = Code(
    "MOS-VK-007",
    "Valkey is still loading its data",
    "The server runs and answers LOADING until its append-only file is read. It is worth waiting.",
    _UNREACHABLE,
    503,
)
VK_CONNECTIONS = Code(
    "MOS-VK-008",
    "Valkey has no free connection",
    "Every connection that maxclients allows is in use.",
    _UNREACHABLE,
    503,
)
VK_PRIVILEGE = Code(
    "MOS-VK-009", "A privilege is missing in Valkey", "The ACL user may not run the command.", _PRIVILEGE, 503
)
VK_DISK_FULL = Code(
    "MOS-VK-010",
    "Valkey has no room",
    "The server refuses writes: memory is at maxmemory, or it cannot write to disk.",
    _UNREACHABLE,
    503,
)
VK_READ_ONLY = Code("MOS-VK-011", "Valkey is read-only", "The server is a replica.", _UNREACHABLE, 503)
VK_LOST = Code(
    "MOS-VK-012",
    "The connection to Valkey was lost",
    "The server was stopped or crashed, or the network cut the connection.",
    _UNREACHABLE,
    503,
)
VK_OTHER = Code(
    "MOS-VK-019", "Valkey reported an error", "The server answered with an error of its own.", _UNREACHABLE, 503
)

CONFIG_INVALID = Code(
    "MOS-CFG-001",
    "mosaic.config.json is not valid",
    "The document has at least one problem; each is listed with its path, the reason and a remedy.",
    _CONFIG,
    422,
)
CONFIG_MISSING = Code(
    "MOS-CFG-002", "The configuration file cannot be read", "The file does not exist or may not be read.", _CONFIG, 404
)
CONFIG_NOT_WRITABLE = Code(
    "MOS-CFG-003",
    "The configuration file cannot be written",
    "The folder of the file is missing, full or not writable. The old file is untouched.",
    _CONFIG,
    500,
)
BAD_URL = Code(
    "MOS-CFG-004",
    "An address cannot be read",
    "A URL in the configuration is not one that PostgreSQL or Valkey understands.",
    _CONFIG,
    422,
)
CONFIG_STALE = Code(
    "MOS-CFG-005",
    "The configuration was changed meanwhile",
    "Somebody saved another revision after this one was opened. Nothing was overwritten.",
    ExitCode.DECISION,
    409,
)
CONFIG_NAME_TAKEN = Code(
    "MOS-CFG-006", "The name is taken", "Another tier configuration has this name.", ExitCode.USAGE, 422
)
CONFIG_UNCONFIRMED = Code(
    "MOS-CFG-007",
    "A change was not confirmed",
    "The command shows a change and asks before it writes; there was nobody to ask.",
    ExitCode.DECISION,
    409,
)
NO_CONFIG = Code(
    "MOS-CFG-008",
    "No such tier configuration",
    "The dashboard has no tier configuration of this number.",
    ExitCode.USAGE,
    404,
)
ACTIVATION_BUSY = Code(
    "MOS-CFG-009",
    "Another activation is under way",
    "Another process holds the folder of the configuration file while it activates a configuration.",
    ExitCode.BUSY,
    409,
)
TEAM_ALIAS = Code(
    "MOS-CFG-011",
    "The tier has its old name",
    'The tier "team" is called "standalone" now. The old word works until the version that drops it.',
    _CONFIG,
    422,
)
DRIFT = Code(
    "MOS-CFG-012",
    "The file was changed by hand",
    "mosaic.config.json differs from the configuration that was activated in the dashboard.",
    _CONFIG,
    409,
)
SECRET_FILE_OPEN = Code(
    "MOS-CFG-013",
    "Others can read a secret file",
    "A password file, and the folder it lies in, are open to its group or to everybody on this machine.",
    _CONFIG,
    422,
)
NOT_ACTIVATED = Code(
    "MOS-CFG-014",
    "A newer revision is not activated",
    "The active configuration was edited in the dashboard since the file was written; the gateway reads the file.",
    _CONFIG,
    409,
)
CUTOVER_UNREADABLE = Code(
    "MOS-GW-003",
    "The cutover record cannot be read",
    "`cutover.json` lies beside the configuration and is damaged: nobody can tell which store holds the data.",
    ExitCode.CONFIG,
    503,
)

ALL = (
    PG_NAME, PG_REFUSED, PG_TIMEOUT, PG_TLS, PG_AUTHENTICATION, PG_DATABASE, PG_STARTING, PG_CONNECTIONS,
    PG_PRIVILEGE, PG_DISK_FULL, PG_READ_ONLY, PG_LOST, PG_OTHER,
    VK_NAME, VK_REFUSED, VK_TIMEOUT, VK_TLS, VK_AUTHENTICATION, VK_DATABASE, VK_STARTING, VK_CONNECTIONS,
    VK_PRIVILEGE, VK_DISK_FULL, VK_READ_ONLY, VK_LOST, VK_OTHER,
    CONFIG_INVALID, CONFIG_MISSING, CONFIG_NOT_WRITABLE, BAD_URL, CONFIG_STALE, CONFIG_NAME_TAKEN,
    CONFIG_UNCONFIRMED, NO_CONFIG, ACTIVATION_BUSY, TEAM_ALIAS, DRIFT, SECRET_FILE_OPEN, NOT_ACTIVATED,
    CUTOVER_UNREADABLE,
)  # fmt: skip
