"""The boot gate: serve what the configuration says, or refuse with the one message that fixes it.

It never falls back to another engine, and it reads only: the store is as it was after a refusal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from doctor import codes as doctor_codes
from doctor.findings import Finding, Status
from doctor.report import Report
from gateway import codes
from gateway.cutover import check_cutover
from gateway.errors import BootRefusedError
from gateway.probes import check_services
from mosaic_admin.codes import BUG, ExitCode
from mosaic_admin.errors import MosaicError
from store.ledger import lock_holders, read_run
from tiers import codes as tier_codes
from tiers.config import PostgresStorage, ResolvedConfig, Tier, load_config
from tiers.postgres import connect, driver_errors

RETRY_EVERY_S = 1.0
STORE_CHECK_S = 4.0  # the probes have shown that the store answers: this is for one that stops in between
STARTING = frozenset({tier_codes.PG_STARTING, tier_codes.VK_STARTING})
# One column each whose name tells this store's tables from an older install's (camelCase there)
CORE_COLUMNS = ("users.display_name", "projects.owner_id", "tasks.owner_id", "notes.owner_id")

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Admission:
    """The gateway may serve: from this store, with these things worth a warning."""

    config: ResolvedConfig
    storage: PostgresStorage
    warnings: tuple[str, ...]


def decide(path: Path, *, wait_s: float, sleep: Sleep = time.sleep) -> Admission:
    """Return what to serve. Raises `BootRefusedError`, or the configuration's own error."""
    config = load_config(path)
    check_cutover(path, config)
    storage = served_storage(config)
    report = _await_services(config, wait_s, sleep)
    if report.root_cause:
        raise refusal_of(report.root_cause, config)
    check_store(storage)
    notes = [finding.message for finding in report.findings if finding.status in (Status.WARN, Status.UNKNOWN)]
    return Admission(config, storage, (*map(str, config.warnings), *notes))


def served_storage(config: ResolvedConfig) -> PostgresStorage:
    """Return the storage when this version has an engine for it."""
    if isinstance(config.storage, PostgresStorage):
        return config.storage
    raise BootRefusedError(
        "The configuration keeps the store in a PGlite directory (tier local).",
        expected="A PostgreSQL store: this version of the gateway does not serve PGlite directories yet.",
        fix="Use the standalone tier (storage.type postgres), or keep the gateway you have for this directory.",
        code=codes.NOT_IN_THIS_VERSION,
    )


def _await_services(config: ResolvedConfig, wait_s: float, sleep: Sleep) -> Report:
    """Ask every required service; ask again only while all that is wrong is that something still starts."""
    deadline = time.monotonic() + wait_s
    while True:
        report = check_services(config)
        is_starting = bool(report.root_causes) and all(cause.code in STARTING for cause in report.root_causes)
        if not is_starting or time.monotonic() + RETRY_EVERY_S > deadline:
            return report
        sleep(RETRY_EVERY_S)


def refusal_of(finding: Finding, config: ResolvedConfig) -> BootRefusedError:
    """Word the doctor's finding as a refusal, under the doctor's code."""
    remedy = finding.remediation
    fix = remedy.text if remedy else "Look at the whole picture: mosaic gateway doctor"
    if remedy and remedy.command and remedy.command not in fix:
        fix = f"{fix} Command: {remedy.command}"
    return BootRefusedError(
        finding.message, expected=expectation(config, finding.service), fix=fix, code=finding.code or BUG
    )


def expectation(config: ResolvedConfig, service: str) -> str:
    """Say what this tier asks of a service."""
    is_federated = config.tier is Tier.FEDERATED
    match service:
        case "valkey" | "queue":
            return "Valkey 7.2 or newer, reachable with the configured password, maxmemory-policy noeviction."
        case "pgvector":
            return "pgvector 0.7 or newer, enabled in the store's database (the federated tier keeps vectors)."
        case "postgres" | "postgresql" | "store":
            version = "17 or 18" if is_federated else "14 or newer"
            return f"PostgreSQL {version}, reachable with the configured user, holding the store."
        case _:
            return f"A configuration that the {config.tier} tier can boot from."


def check_store(storage: PostgresStorage) -> None:
    """Refuse a store that a migration works on, has left unfinished, or that holds no tables yet."""
    with (
        driver_errors(storage.display, timeout_s=STORE_CHECK_S),
        connect(
            storage.url,
            application_name="mosaic-gate",
            timeout_s=STORE_CHECK_S,
            options=f"-c statement_timeout={int(STORE_CHECK_S * 1000)}",
        ) as connection,
    ):
        refuse_running(connection)
        refuse_unfinished(connection)
        refuse_unprepared(connection)


def refuse_running(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    holder = next((holder for holder in lock_holders(connection) if holder.mode == "exclusive"), None)
    if holder:
        raise BootRefusedError(
            f"The store's lock is held exclusively by {holder}.",
            expected="A store that no migration works on.",
            fix="Wait until the migration is done, or cancel it on the Migrations page; then start the gateway again.",
            code=doctor_codes.STORE_MIGRATING,
        )


def refuse_unfinished(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    run = read_run(connection)
    if run and not run.is_finished:
        number = f" #{run.job_number}" if run.job_number else ""
        raise BootRefusedError(
            f"Migration run{number} into this store stopped in the state {run.state}.",
            expected="A run that is verified, or cancelled.",
            fix="Resume it: mosaic storage migrate-tier --to federated --resume (or cancel it on the Migrations page).",
            code=doctor_codes.STORE_UNFINISHED,
        )


def refuse_unprepared(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    found = connection.execute(
        "SELECT split_part(name, '.', 1), to_regclass(split_part(name, '.', 1)) IS NOT NULL"
        " FROM unnest(%s::text[]) AS name"
        " WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(split_part(name, '.', 1))"
        " AND attname = split_part(name, '.', 2) AND NOT attisdropped) ORDER BY 1",
        (list(CORE_COLUMNS),),
    ).fetchall()
    other = [str(table) for table, is_there in found if is_there]
    if other:
        raise BootRefusedError(
            f"The tables {', '.join(other)} are there with other columns: an install of another version made them.",
            expected="The tables of the Mosaic store, as this version names their columns.",
            fix="Keep that install's own gateway, and move its data. "
            "Look first: mosaic storage migrate-tier --to federated --dry-run",
            code=codes.STORE_NOT_PREPARED,
        )
    if found:
        raise BootRefusedError(
            f"The database has no table {', '.join(str(table) for table, _ in found)}.",
            expected="The tables of the Mosaic store.",
            fix="Correct storage.url if this is another database. For a new store create them: mosaic store prepare",
            code=codes.STORE_NOT_PREPARED,
        )


def recheck(path: Path, config: ResolvedConfig, storage: PostgresStorage) -> Callable[[], None]:
    """Return what a running gateway asks again under each lock it takes: a migration may have come between."""

    def ask() -> None:
        check_cutover(path, config)
        check_store(storage)

    return ask


def as_refusal(error: MosaicError) -> BootRefusedError:
    """Give any expected error the form of a refusal."""
    if isinstance(error, BootRefusedError):
        return error
    expected = "A mosaic.config.json that `mosaic config validate` accepts."
    if not error.code.id.startswith("MOS-CFG-"):
        expected = _EXPECTED.get(error.exit_code, "A start without this.")
    return BootRefusedError(error.message, expected=expected, fix=error.remediation, code=error.code)


_EXPECTED = {
    ExitCode.CONFIG: "Settings that the gateway can start from, and an address that is free.",
    ExitCode.UNREACHABLE: "A store that answers.",
    ExitCode.PRIVILEGE: "A store that lets the configured user in, and read the ledger of its migrations.",
    ExitCode.VERSION: "A store of this version.",
    ExitCode.BUSY: "A store that no migration works on.",
}
