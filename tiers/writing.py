"""Replace a file in one step: a reader, or a machine that loses power, sees the old content or the new, never half."""

from __future__ import annotations

import fcntl
import glob
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mosaic_admin.errors import MosaicError
from mosaic_admin.private_files import PRIVATE, write_beside
from tiers import codes
from tiers.problems import ConfigFileError

LOCK_WAIT_S = 10.0  # a write takes milliseconds; who waits longer meets one that hangs in a file system
_SUFFIX = ".new"


class ActivationBusyError(MosaicError):
    """Another process is activating a configuration in the same folder."""

    code = codes.ACTIVATION_BUSY


def write_atomically(path: Path, content: str, *, mode: int = PRIVATE) -> None:
    """Write beside the file, fsync, rename, fsync the folder. A link keeps pointing at the file it names.

    Closed to others unless `mode` says otherwise: a configuration may hold an inline password.

    Raises ConfigFileError; the old file is then untouched.
    """
    target = Path(os.path.realpath(path))
    try:
        temporary = write_beside(target, content.encode(), mode=mode, suffix=_SUFFIX)
        try:
            _keep_owner(temporary, target)
            temporary.replace(target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except OSError as exc:
        raise ConfigFileError(
            f"{path} cannot be written (errno {exc.errno}). The old file is untouched.",
            remediation="Let the user of this process write in the folder, and see that it has room: "
            f"`ls -ld {target.parent}; df -h {target.parent}`.",
            code=codes.CONFIG_NOT_WRITABLE,
            path=str(path),
        ) from None


def remove_leftovers(path: Path) -> None:
    """Remove what a killed writer left beside the file; call it only where no other writer can be at work."""
    target = Path(os.path.realpath(path))
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.*{_SUFFIX}"):
        leftover.unlink(missing_ok=True)


def _keep_owner(temporary: Path, target: Path) -> None:
    """Run as root for a gateway that is not: the gateway must still be able to read its file."""
    if os.geteuid() == 0 and target.exists():
        status = target.stat()
        os.chown(temporary, status.st_uid, status.st_gid)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def folder_lock(path: Path, *, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Hold the folder of the file: the kernel lets go when the process dies, and no lock file is left behind.

    Raises: ActivationBusyError after `wait_s`, ConfigFileError where there is no such folder.
    """
    folder = Path(os.path.realpath(path)).parent
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as exc:
        raise ConfigFileError(
            f"{path} cannot be written (errno {exc.errno}). The old file is untouched.",
            remediation=f"Make the folder, and let the user of this process write in it: `ls -ld {folder}`.",
            code=codes.CONFIG_NOT_WRITABLE,
            path=str(path),
        ) from None
    try:
        _lock(descriptor, folder, wait_s)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise ActivationBusyError(
                    f"Another process has been activating a configuration in {folder} for {wait_s:.0f} s.",
                    remediation="Wait a moment and try again. Nothing was changed.",
                ) from None
            time.sleep(0.02)
        except OSError as exc:  # a file system without locks
            raise ConfigFileError(
                f"{folder} cannot be locked (errno {exc.errno}), so nothing is written there.",
                remediation="Keep the configuration file on a local file system, or one that has locks (NFSv4).",
                code=codes.CONFIG_NOT_WRITABLE,
            ) from None
