"""The local tier: its PGlite directory, an engine for it, and whether a program has it open. Nothing is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from doctor import codes
from doctor.findings import Finding, passed, skipped, warned
from doctor.probe import BaseProbe, Context
from tiers.pglite import directory as directories
from tiers.pglite.engines import find_engine
from tiers.pglite.errors import InUseError
from tiers.pglite.node import find_node

SERVICE = "pglite"


@dataclass(frozen=True)
class PgliteProbe(BaseProbe):
    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    directory: Path


@dataclass(frozen=True)
class PgliteDirectory(PgliteProbe):
    name: ClassVar[str] = "pglite.directory"

    def run(self, context: Context) -> Finding:
        major = directories.read_major(self.directory)
        context.learn(SERVICE, version=major)
        return passed(f"The directory holds the data of a PostgreSQL {major}.")


@dataclass(frozen=True)
class PgliteVersion(PgliteProbe):
    name: ClassVar[str] = "pglite.version"
    requires: ClassVar[tuple[str, ...]] = ("pglite.directory",)

    def run(self, context: Context) -> Finding:
        return passed(f"PGlite {directories.release_for(self.directory).version} opens it.")


@dataclass(frozen=True)
class PgliteNode(PgliteProbe):
    name: ClassVar[str] = "pglite.node"

    def run(self, context: Context) -> Finding:
        return passed(f"Node.js {find_node().version} runs PGlite.")


@dataclass(frozen=True)
class PgliteEngine(PgliteProbe):
    name: ClassVar[str] = "pglite.engine"
    requires: ClassVar[tuple[str, ...]] = ("pglite.version",)

    def run(self, context: Context) -> Finding:
        release = directories.release_for(self.directory)
        find_engine(release)
        return passed(f"PGlite {release.version} is installed.")


@dataclass(frozen=True)
class PgliteInUse(PgliteProbe):
    """Look at the directory's lock, and for open files under /proc; other hosts and containers can't be seen."""

    name: ClassVar[str] = "pglite.in-use"
    requires: ClassVar[tuple[str, ...]] = ("pglite.directory",)

    def run(self, context: Context) -> Finding:
        if not Path("/proc/self/fd").is_dir():
            return skipped("This system does not show which programs have files open.")
        holder = directories.lock_holder(self.directory) or ""
        users = directories.programs_using(self.directory, besides=holder)
        if users:
            raise directories.opened_by(users, self.directory)
        return _holder_finding(holder)


def _holder_finding(holder: str) -> Finding:
    kind = holder.partition(" ")[0]
    if kind == "mosaic-gw":
        return passed("A gateway serves the directory.", ("Holder", holder))
    if kind == "mosaic-mig":
        return warned(
            codes.STORE_MIGRATING,
            f"A migration reads the directory ({holder}).",
            "Wait for it to end, or cancel it on the Migrations page; the gateway stays paused until then.",
        )
    if holder:
        raise InUseError(f"{holder} holds the directory's lock.", remediation="Wait for it to end, then try again.")
    return passed("No program that can be seen has the directory open.")


def pglite_probes(directory: Path) -> list[PgliteProbe]:
    """Return the ladder of one directory, in the order of asking."""
    ladder = (PgliteDirectory, PgliteVersion, PgliteNode, PgliteEngine, PgliteInUse)
    return [probe(directory) for probe in ladder]
