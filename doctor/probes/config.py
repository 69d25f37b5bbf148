"""The configuration file as findings: unreadable, invalid, warnings, or in order."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from doctor.findings import Finding, failed, passed, warned
from doctor.probe import BaseProbe, Context
from mosaic_admin.errors import MosaicError
from tiers import codes as tiers_codes
from tiers.config import ResolvedConfig
from tiers.problems import ConfigError

if TYPE_CHECKING:  # the command line asks these probes without Django
    from tiers.services import Drift

SERVICE = "config"
PROBE = "config.file"


def config_problems(error: MosaicError, path: Path) -> list[Finding]:
    """Return one failure for each problem of a configuration that cannot be used."""
    check = f"mosaic config validate {shlex.quote(str(path))}"
    if not isinstance(error, ConfigError):
        create = f"ls -l {shlex.quote(str(path))}"
        finding = failed(error.code, error.message, error.remediation, create)
        return [finding.placed(probe=PROBE, service=SERVICE, duration_ms=0)]
    return [
        failed(error.code, f"{error.source}: {problem}.", problem.remedy, check, ("Path", problem.path)).placed(
            probe=PROBE, service=SERVICE, duration_ms=0
        )
        for problem in error.problems
    ]


@dataclass(frozen=True)
class ConfigFile(BaseProbe):
    """Say what a configuration that can be used still warns about."""

    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    name: ClassVar[str] = PROBE
    config: ResolvedConfig
    label: str

    def run(self, context: Context) -> list[Finding]:
        sources = ("Tier", self.config.tier.value), ("Storage", self.config.storage.display)
        return [
            passed(f"{self.label} is valid for the tier {self.config.tier.value}.", *sources),
            *(
                warned(item.code, f"{item.path}: {item.message}", item.remediation, _command(item.code.id))
                for item in self.config.warnings
            ),
        ]


def _command(code: str) -> str:
    return "mosaic config upgrade" if code == tiers_codes.TEAM_ALIAS.id else "mosaic config validate"


@dataclass(frozen=True)
class ConfigDrift(BaseProbe):
    """Say whether the file is what was activated in the dashboard; only where the control plane's database is at hand.

    The database was asked beforehand: a probe's thread has no Django connection of its own to clean up.
    """

    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    name: ClassVar[str] = "config.drift"
    requires: ClassVar[tuple[str, ...]] = (PROBE,)
    drift: Drift | None

    def run(self, context: Context) -> Finding:
        if self.drift is None:
            return passed("The file is what the dashboard activated.")
        if not self.drift.is_by_hand:
            revision, name = self.drift.config.revision, self.drift.config.name
            return warned(
                tiers_codes.NOT_ACTIVATED,
                f"Revision {revision} of “{name}” is saved in the dashboard and not activated.",
                "Look at the difference on the Tiers page and activate the revision there.",
                f"mosaic config activate {shlex.quote(name)}",
            )
        return warned(
            tiers_codes.DRIFT,
            "The file was changed by hand since it was activated in the dashboard.",
            "Look at the difference on the Tiers page; import the file there, or activate the stored one again.",
            "mosaic config show",
        )
