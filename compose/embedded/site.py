"""Where embedded servers keep their files, and under which account PostgreSQL runs.

PostgreSQL refuses to run as root. Root therefore runs it as `nobody`, who can reach neither a virtual environment
nor a MOSAIC_HOME below a 0700 folder: both the binaries and the data then live under /var/lib.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mosaic_admin import codes
from mosaic_admin.errors import MosaicError

SYSTEM_ROOT = Path("/var/lib/mosaic-admin")
UNPRIVILEGED = "nobody"  # exists on every Debian and Ubuntu: no account has to be added to the machine


@dataclass(frozen=True)
class Account:
    """The account that PostgreSQL runs under when we are root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Site:
    """A folder for PostgreSQL data and binaries, and the account that must own them (None: our own)."""

    root: Path
    account: Account | None

    def make_private(self, directory: Path) -> Path:
        """Make a 0700 folder that PostgreSQL's account owns."""
        directory.mkdir(mode=0o700, exist_ok=True)
        self.give(directory)
        return directory

    def give(self, path: Path) -> None:
        """Make PostgreSQL's account the owner."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)


def own_account() -> Account | None:
    """Return the account to drop to; None when we are not root and run servers as ourselves."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(UNPRIVILEGED)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def site_at(root: Path) -> Site:
    """Return a site in a given folder, which the account has to be able to reach."""
    make_directory(root, 0o711 if os.geteuid() == 0 else 0o700)
    return Site(root, own_account())


def site_for(home: Path, *, system_root: Path = SYSTEM_ROOT) -> Site:
    """Return a MOSAIC_HOME's site: inside it; for root a folder below /var/lib that MOSAIC_HOME/pg points to."""
    link = home / "pg"
    if os.geteuid() != 0:
        return site_at(link)
    make_directory(system_root, 0o711)
    if not link.is_symlink():
        link.symlink_to(_new_system_folder(home, system_root))
    return site_at(Path(os.readlink(link)))


def system_sites_of(home: Path, *, system_root: Path = SYSTEM_ROOT) -> Iterator[Path]:
    """Yield every folder below /var/lib that was made for `home`, also when `home` was deleted meanwhile."""
    for marker in system_root.glob("*/made-for"):
        if marker.read_text() == str(home):
            yield marker.parent


def _new_system_folder(home: Path, system_root: Path) -> Path:
    folder = system_root / secrets.token_hex(4)
    make_directory(folder, 0o711)
    (folder / "made-for").write_text(str(home))
    return folder


def remove_tree(path: Path) -> None:
    """Remove a folder of ours, or the link to it; what is not there is fine."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def make_directory(path: Path, mode: int) -> Path:
    """Make a folder with its parents.

    Raises:
        MosaicError: MOS-ENV-004, naming the folder.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=mode)
    except OSError as exc:
        raise not_writable(path) from exc
    if not os.access(path, os.W_OK | os.X_OK):
        raise not_writable(path)
    return path


def not_writable(path: Path) -> MosaicError:
    """Return the error for a folder that we cannot write in."""
    account = pwd.getpwuid(os.geteuid()).pw_name
    return MosaicError(
        f"The folder {path} cannot be written by {account}.",
        remediation=f"Make it writable with `chown -R {account} {path}`, or set MOSAIC_HOME to a folder that is.",
        code=codes.NOT_WRITABLE,
        path=str(path),
    )
