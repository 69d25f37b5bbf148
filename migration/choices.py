"""Which configurations a migration can read from and write to: the boot file and the dashboard's rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from migration.endpoints import EndpointChoice
from migration.job_errors import NoTargetError
from mosaic_admin import env
from tiers.config import read_document
from tiers.models import TierConfig
from tiers.schema import TIER_WORDS, Tier
from tiers.services import all_configs, config_folder, federated_target, get_config

SOURCE_TIERS = tuple(word for word, tier in TIER_WORDS.items() if tier is not Tier.FEDERATED)
FILE = "file"


@dataclass(frozen=True)
class Choices:
    """What the form offers, as (value, words); `problem` says why one of the lists is empty."""

    sources: list[tuple[str, str]]
    targets: list[tuple[str, str]]
    problem: str = ""

    @property
    def initial(self) -> dict[str, str]:
        first = {"source": self.sources, "target": self.targets}
        return {name: options[0][0] for name, options in first.items() if options}


def from_file(path: str | Path) -> EndpointChoice:
    """Read a configuration file; nothing in it is resolved yet, so no secret is in what is kept.

    Raises:
        ConfigFileError: it cannot be read.
    """
    file = Path(path).absolute()
    return EndpointChoice(read_document(file), str(file.parent), file.name)


def active_source() -> EndpointChoice:
    """Return the configuration the gateway boots from (MOSAIC_CONFIG)."""
    return from_file(env.load().config)


def default_target() -> EndpointChoice:
    """Return the dashboard's federated configuration.

    Raises:
        NoTargetError: there is none yet.
    """
    row = federated_target()
    if row is None:
        raise NoTargetError(
            "The dashboard has no configuration of the federated tier.",
            remediation="Make one at /tiers/new, or name a file: mosaic storage migrate-tier --to federated --target "
            "federated.config.json",
        )
    return _from_row(row)


def list_choices() -> Choices:
    """Return what a person can choose from; the boot file comes first when its tier is a source."""
    rows = list(all_configs())
    sources = [(str(row.pk), f"{row.name} ({row.tier})") for row in rows if row.tier in SOURCE_TIERS]
    targets = [(str(row.pk), f"{row.name} (federated)") for row in rows if row.tier == "federated"]
    boot = _boot_choice()
    if boot is not None:
        sources.insert(0, (FILE, f"{boot.label}, what the gateway runs on ({boot.tier})"))
    if not targets:
        return Choices(sources, targets, "There is no configuration of the federated tier yet. Make one first:")
    problem = "" if sources else "There is no configuration of the local or standalone tier. Make one first:"
    return Choices(sources, targets, problem)


def _boot_choice() -> EndpointChoice | None:
    path = env.load().config
    if not path.is_file():
        return None
    choice = from_file(path)
    return choice if choice.tier in SOURCE_TIERS else None


def chosen(value: str) -> EndpointChoice:
    """Return what a form's value stands for."""
    if value == FILE:
        return active_source()
    return _from_row(get_config(int(value)))


def _from_row(row: TierConfig) -> EndpointChoice:
    return EndpointChoice(row.document, str(config_folder()), row.name)
