"""Replace a file in one step: a reader, or a machine that loses power, sees the old content or the new, never half."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tiers import codes
from tiers.problems import ConfigFileError

PRIVATE = 0o600  # the file may hold an inline password


def write_atomically(path: Path, content: str, *, mode: int = PRIVATE) -> None:
    """Write beside the file, fsync, rename, fsync the folder. A link keeps pointing at the file it names.

    Raises ConfigFileError; the old file is then untouched.
    """
    target = Path(os.path.realpath(path))
    try:
        temporary = _write_beside(target, content.encode(), mode)
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


def _write_beside(target: Path, content: bytes, mode: int) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


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
