"""The boot gate: serve what the configuration says, or refuse with the one message that fixes it.

It never falls back to another engine, and it reads only: the store is as it was after a refusal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from doctor.codes import PROBE_CRASHED
from doctor.findings import Finding, Status
from doctor.report import Report
from gateway.cutover import check_cutover
from gateway.errors import BootRefusedError
from gateway.probes import StoreServable, check_services
from gateway.store_checks import check_store
from mosaic_admin.codes import BUG, ExitCode
from mosaic_admin.errors import MosaicError
from store.adapters import StoreAdapter, adapter_for
from store.ledger import holder_name
from tiers import codes as tier_codes
from tiers.config import ResolvedConfig, Tier, load_config
from tiers.pglite import codes as pglite_codes
from tiers.postgres import driver_errors

RETRY_EVERY_S = 1.0
STORE_CHECK_S = 4.0  # the lock was just taken, so the store answers: this is for one that stops in between
STARTING = frozenset({tier_codes.PG_STARTING, tier_codes.VK_STARTING})
PGLITE_EXPECTED = "A PGlite directory with the store, its engine installed, and no other program that has it open."

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Admission:
    """The gateway may serve: from this store, with these things worth a warning."""

    config: ResolvedConfig
    store: StoreAdapter
    warnings: tuple[str, ...]


def decide(path: Path, *, wait_s: float, sleep: Sleep = time.sleep) -> Admission:
    """Return what to serve. Raises `BootRefusedError`, or the configuration's own error."""
    config = load_config(path)
    check_cutover(path, config)
    report = _await_services(config, wait_s, sleep)
    if cause := _decisive(report):
        raise refusal_of(cause, config)
    store = adapter_for(config.storage)
    if store.is_single:
        _check_directory(store)
    notes = [finding.message for finding in report.findings if finding.status in (Status.WARN, Status.UNKNOWN)]
    return Admission(config, store, (*map(str, config.warnings), *notes))


def _check_directory(store: StoreAdapter) -> None:
    """Open a PGlite directory once, under its lock: no probe may, since opening writes to it."""
    try:
        with store.opened(holder_name("gw")):
            _ask(store)
    finally:
        store.close()


def _await_services(config: ResolvedConfig, wait_s: float, sleep: Sleep) -> Report:
    """Ask every required service; ask again only while all that is wrong is that something still starts."""
    deadline = time.monotonic() + wait_s
    while True:
        report = check_services(config)
        cause = _decisive(report)
        is_starting = cause is not None and cause.code in STARTING
        if not is_starting or time.monotonic() + RETRY_EVERY_S > deadline:
            return report
        sleep(RETRY_EVERY_S)


def _decisive(report: Report) -> Finding | None:
    """Return the failure that waiting does not mend, else the one that says "still starting", else None.

    A check that crashed counts as failed here: the doctor may be unsure, the gate may not.
    """
    causes = (*report.root_causes, *(item for item in report.findings if item.code is PROBE_CRASHED))
    return next((cause for cause in causes if cause.code not in STARTING), causes[0] if causes else None)


def refusal_of(finding: Finding, config: ResolvedConfig) -> BootRefusedError:
    """Word the doctor's finding as a refusal, under the doctor's code."""
    remedy = finding.remediation
    fix = remedy.text if remedy else "Look at the whole picture: mosaic gateway doctor"
    if remedy and remedy.command and remedy.command not in fix:
        fix = f"{fix} Command: {remedy.command}"
    own = dict(finding.evidence).get("Expected") if finding.probe == StoreServable.name else None
    expected = own or expectation(config, finding.service)
    return BootRefusedError(finding.message, expected=expected, fix=fix, code=finding.code or BUG)


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
        case "pglite":
            return PGLITE_EXPECTED
        case _:
            return f"A configuration that the {config.tier} tier can boot from."


def recheck(path: Path, config: ResolvedConfig, store: StoreAdapter) -> Callable[[], None]:
    """Return what a running gateway asks again under each lock it takes: a migration may have come between."""

    def ask() -> None:
        check_cutover(path, config)
        _ask(store)

    return ask


def _ask(store: StoreAdapter) -> None:
    """Look into the store itself, within `STORE_CHECK_S`."""
    limit = f"-c statement_timeout={int(STORE_CHECK_S * 1000)}"
    with (
        driver_errors(store.display, timeout_s=STORE_CHECK_S),
        store.connect(application_name="mosaic-gate", timeout_s=STORE_CHECK_S, options=limit) as connection,
    ):
        check_store(connection)


def as_refusal(error: MosaicError) -> BootRefusedError:
    """Give any expected error the form of a refusal."""
    if isinstance(error, BootRefusedError):
        return error
    expected = "A mosaic.config.json that `mosaic config validate` accepts."
    if error.code in pglite_codes.ALL:
        expected = PGLITE_EXPECTED
    elif not error.code.id.startswith("MOS-CFG-"):
        expected = _EXPECTED.get(error.exit_code, "A start without this.")
    return BootRefusedError(error.message, expected=expected, fix=error.remediation, code=error.code)


_EXPECTED = {
    ExitCode.CONFIG: "Settings that the gateway can start from, and an address that is free.",
    ExitCode.UNREACHABLE: "A store that answers.",
    ExitCode.PRIVILEGE: "A store that lets the configured user in, and read the ledger of its migrations.",
    ExitCode.VERSION: "A store of this version.",
    ExitCode.BUSY: "A store that no migration works on.",
}
