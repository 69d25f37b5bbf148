"""Puts the packages together: the only module that knows every package's codes and probes."""

from __future__ import annotations

from pathlib import Path

from compose import codes as compose_codes
from compose.choice import runtime_for, runtime_word
from compose.probes import stack_probes
from doctor import codes as doctor_codes
from doctor.probe import Probe
from doctor.probes.config import ConfigFile
from doctor.probes.pglite import pglite_probes
from doctor.probes.pgvector import vector_probes
from doctor.probes.postgres_health import postgres_probes
from doctor.probes.queue import LocalQueueProbe
from doctor.probes.store import store_probes
from doctor.probes.valkey import valkey_probes
from gateway import codes as gateway_codes
from gateway.doctor_probes import gateway_probes
from migration import codes as migration_codes
from migration import job_codes
from mosaic_admin import codes, env
from mosaic_admin.audit import codes as audit_codes
from mosaic_admin.backup import codes as backup_codes
from mosaic_admin.codes import Code
from mosaic_admin.people import codes as people_codes
from store import codes as store_codes
from tiers import codes as tiers_codes
from tiers.config import PgliteStorage, ResolvedConfig, ValkeyQueue
from tiers.pglite import codes as pglite_codes

ALL_CODES: dict[str, Code] = {
    code.id: code
    for code in (
        *codes.ALL,
        *people_codes.ALL,
        *audit_codes.ALL,
        *backup_codes.ALL,
        *tiers_codes.ALL,
        *pglite_codes.ALL,
        *gateway_codes.ALL,
        *store_codes.ALL,
        *doctor_codes.ALL,
        *compose_codes.ALL,
        *migration_codes.ALL,
        *job_codes.ALL,
    )
}


def probes_for(config: ResolvedConfig, *, tier: str | None = None, path: Path | None = None) -> list[Probe]:
    """Return every probe of a configuration, root causes first.

    `tier` (default: the configuration's own) chooses the version ranges. `path` is the file when it is the one that the
    gateway boots from; without it the question is "could I move there?", and nothing of this install is asked.
    A package adds its probes here, from its own `<package>/probes.py`.
    """
    tier = tier or config.tier.value
    own = gateway_probes(config, path) if path else []
    before, after = (
        [item for item in own if item.ladder == "gateway"],
        [item for item in own if item.ladder != "gateway"],
    )
    return [
        ConfigFile(config, "The configuration"),
        *before,
        *_storage_probes(config, tier),
        *after,
        *_queue_probes(config),
        *_stack_probes(config),
    ]


def _storage_probes(config: ResolvedConfig, tier: str) -> list[Probe]:
    storage = config.storage
    if isinstance(storage, PgliteStorage):
        return [*pglite_probes(storage.data_dir)]
    vector = vector_probes(storage.url) if storage.enable_vector else []
    return [*postgres_probes(storage.url, tier=tier), *vector, *store_probes(storage.url)]


def _stack_probes(config: ResolvedConfig) -> list[Probe]:
    environment = env.load()
    if runtime_word(environment) != "docker":
        return []
    return stack_probes(config, runtime_for(environment, "docker"), port=environment.postgres_port)


def _queue_probes(config: ResolvedConfig) -> list[Probe]:
    if isinstance(config.queue, ValkeyQueue):
        return [*valkey_probes(config.queue.url)]
    return [LocalQueueProbe()]
