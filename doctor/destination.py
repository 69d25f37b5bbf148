"""The configuration of a tier that an install does not use yet: what `--tier` asks about."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mosaic_admin import env
from tiers.config import ResolvedConfig, resolve_document
from tiers.defaults import DEFAULT_FEDERATED_CONFIG, DEFAULT_LOCAL_CONFIG, DEFAULT_STANDALONE_CONFIG
from tiers.schema import Tier

DEFAULTS = {
    Tier.LOCAL: DEFAULT_LOCAL_CONFIG,
    Tier.STANDALONE: DEFAULT_STANDALONE_CONFIG,
    Tier.FEDERATED: DEFAULT_FEDERATED_CONFIG,
}
# section → the variable that its default URL reads, and the secret file that the embedded stack keeps instead
SECRETS = {
    "storage": ("MOSAIC_PG_PASSWORD", "federated-postgres"),
    "queue": ("MOSAIC_VALKEY_PASSWORD", "federated-valkey"),
}


def default_document(
    tier: str, *, home: Path, ports: Mapping[str, int], environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the tier's default document, with the ports and the secret files of this install where it has them."""
    document = copy.deepcopy(DEFAULTS[Tier(tier)])
    if tier != Tier.FEDERATED:
        return document
    known = os.environ if environ is None else environ
    for section, (variable, secret) in SECRETS.items():
        part, file = document[section], home / "secrets" / secret
        part["url"] = part["url"].replace(str(DEFAULT_PORTS[section]), str(ports[section]))
        if variable not in known and file.is_file():
            part["url"] = part["url"].replace(f":${{{variable}}}", "")
            part["url"] = part["url"].replace("redis://@", "redis://")
            part["passwordFile"] = str(file.resolve())
    return document


DEFAULT_PORTS = {"storage": 5433, "queue": 6380}


def default_config(tier: str, *, home: Path) -> ResolvedConfig:
    """Resolve the tier's default for this install. Raises ConfigError, naming the variable that is not set."""
    environment = env.load()
    ports = {"storage": environment.postgres_port, "queue": environment.valkey_port}
    document = default_document(tier, home=home, ports=ports)
    return resolve_document(document, base_dir=home, source=f"the default of the tier {tier}")
