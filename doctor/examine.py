"""One report from a configuration file: what command, API, page, schedule and boot gate all call. No Django here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from doctor.destination import default_config
from doctor.findings import failed
from doctor.probe import Probe, Service
from doctor.probes.config import SERVICE as CONFIG
from doctor.probes.config import config_problems
from doctor.report import Report
from doctor.runner import REPORT_S, run_probes
from mosaic_admin.codes import Code
from mosaic_admin.errors import MosaicError
from tiers.config import PgliteStorage, ResolvedConfig, ValkeyQueue, load_config
from tiers.schema import tier_of


class Assembler(Protocol):
    """`mosaic_admin.wiring.probes_for`: the one function that knows every package's probes."""

    def __call__(self, config: ResolvedConfig, *, tier: str | None = None, path: Path | None = None) -> list[Probe]: ...


@dataclass(frozen=True)
class Subject:
    """What to examine: a configuration and where it came from. `load` raises a MosaicError.

    `tier` is None for the file that the gateway boots from; else it is the tier somebody may move to.
    """

    label: str
    path: Path
    load: Callable[[], ResolvedConfig]
    tier: str | None = None

    def towards(self, tier: str | None, home: Path) -> Subject:
        """Return the subject for another tier than the file's own: "could I move there?"."""
        if tier is None or tier_word(self.path) == tier:
            return self
        return Subject(f"the tier {tier}", self.path, lambda: default_config(tier, home=home), tier)


def file_subject(path: Path) -> Subject:
    return Subject(path.name, path, lambda: load_config(path))


def examine(
    subject: Subject, assemble: Assembler, *, extra: Sequence[Probe] = (), deadline_s: float = REPORT_S
) -> Report:
    """Load the configuration and run its probes. A broken configuration is a finding, never an exception."""
    try:
        config = subject.load()
    except MosaicError as error:
        known = config_problems(error, subject.path)
        return run_probes([], tier=subject.tier or tier_word(subject.path), services=_no_services(), known=known)
    own_file = subject.path if subject.tier is None else None
    probes = [*assemble(config, tier=config.tier.value, path=own_file), *extra]
    return run_probes(probes, deadline_s=deadline_s, tier=config.tier.value, services=services_of(config))


def report_on_failure(code: Code, message: str, fix: str) -> Report:
    """Return a red report for what went wrong before any probe: `--json` prints JSON whatever happens."""
    finding = failed(code, message, fix).placed(probe="doctor", service="doctor", duration_ms=0)
    return run_probes([], known=[finding])


def tier_word(path: Path) -> str | None:
    """Return the tier that a broken file still names; None when even that cannot be read."""
    with suppress(OSError, ValueError, AttributeError, RecursionError):
        return tier_of(json.loads(path.read_bytes()))
    return None


def _no_services() -> list[Service]:
    return [Service(CONFIG)]


def services_of(config: ResolvedConfig) -> list[Service]:
    """Declare what this tier runs on, in the order a reader looks for it."""
    services: list[Service] = []
    if isinstance(config.storage, PgliteStorage):
        services.append(Service("pglite", endpoint=config.storage.display))
    else:
        services.append(Service("postgres", endpoint=config.storage.display))
        if config.storage.enable_vector:
            unknown = {"available": None, "installed": None}
            services.append(Service("pgvector", endpoint=config.storage.display, facts=unknown))
    if isinstance(config.queue, ValkeyQueue):
        services.append(Service("valkey", endpoint=config.queue.display))
    else:
        services.append(Service("queue", endpoint=config.queue.display))
    return [*services, Service(CONFIG)]
