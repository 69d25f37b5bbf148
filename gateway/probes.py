"""What the gate asks of the services: the doctor's probes for what this tier needs to serve, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from doctor.findings import Finding, passed
from doctor.probe import Context, Probe
from doctor.probes.pglite import pglite_probes
from doctor.probes.pgvector import vector_probes
from doctor.probes.postgres import connection_of
from doctor.probes.postgres_health import postgres_probes
from doctor.probes.store import StoreProbe, store_probes
from doctor.probes.valkey import valkey_probes
from doctor.report import Report
from doctor.runner import run_probes
from gateway.store_checks import check_store
from tiers.config import PostgresStorage, ResolvedConfig, ValkeyQueue

DEADLINE_S = 5.5  # the whole decision has to fall within 6 s of the start, everything hanging


@dataclass(frozen=True)
class StoreServable(StoreProbe):
    """What only a gateway asks, on the ladder's connection: a second one would have a time limit of its own."""

    name: ClassVar[str] = "store.servable"
    requires: ClassVar[tuple[str, ...]] = ("store.tables", "store.migration")

    def ask(self, context: Context) -> Finding:
        check_store(connection_of(context))
        return passed("The store can be served.")


def required_probes(config: ResolvedConfig) -> list[Probe]:
    """List the probes of the services that the configuration names, in the order of their ladders."""
    probes: list[Probe] = []
    if isinstance(config.storage, PostgresStorage):
        probes += postgres_probes(config.storage.url, tier=config.tier.value)
        if config.storage.enable_vector:
            probes += vector_probes(config.storage.url)
        probes += [*store_probes(config.storage.url), StoreServable(config.storage.url)]
    else:
        probes += pglite_probes(config.storage.data_dir)
    if isinstance(config.queue, ValkeyQueue):
        probes += valkey_probes(config.queue.url)
    return probes


def check_services(config: ResolvedConfig, probes: Sequence[Probe] | None = None) -> Report:
    """Ask them all, services in parallel, and return the report within 6 s."""
    asked = required_probes(config) if probes is None else probes
    return run_probes(asked, deadline_s=DEADLINE_S, tier=config.tier.value)
