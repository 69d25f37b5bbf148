"""What only the boot gate refuses, as the doctor's probes: the same functions, so the same code and words.

They belong to the install's own configuration. A tier that one could move to has neither a cutover record nor tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from doctor.findings import Finding, from_error, passed
from doctor.probe import BaseProbe, Context
from doctor.probes.postgres import connection_of
from doctor.probes.store import LEDGER_WAS_READ
from gateway.cutover import check_cutover
from gateway.probes import StoreServable
from gateway.store_checks import refuse_unfinished, refuse_unprepared
from mosaic_admin.errors import MosaicError
from tiers.config import PostgresStorage, ResolvedConfig

SERVICE = "gateway"


@dataclass(frozen=True)
class GatewayCutover(BaseProbe):
    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    name: ClassVar[str] = "gateway.cutover"
    config: ResolvedConfig
    path: Path

    def run(self, context: Context) -> Finding:
        return _verdict(lambda: check_cutover(self.path, self.config), "Configuration and cutover record agree.")


@dataclass(frozen=True)
class GatewayStore(StoreServable):
    """The gate's look at the store but for its lock: a migration at work is a warning of `store.migration` here."""

    service: ClassVar[str] = SERVICE
    name: ClassVar[str] = "gateway.store"

    def ask(self, context: Context) -> Finding:
        if not context.find(LEDGER_WAS_READ, bool):  # else `store.migration` passed, and there is nothing left open
            refuse_unfinished(connection_of(context))
        refuse_unprepared(connection_of(context))
        return passed("The gateway can serve the tables of this store.")


def _verdict(check: Callable[[], object], good: str) -> Finding:
    try:
        check()
    except MosaicError as error:
        return from_error(error)
    return passed(good)


def gateway_probes(config: ResolvedConfig, path: Path) -> list[BaseProbe]:
    """List what the gate asks beyond the services, for the configuration file at `path`."""
    first: list[BaseProbe] = [GatewayCutover(config, path)]
    return [*first, GatewayStore(config.storage.url)] if isinstance(config.storage, PostgresStorage) else first
