"""Private copies of PGlite directories: a migration reads one and never opens the directory itself.

They lie in MOSAIC_HOME/pglite-copies (0700), each with a lock that its owner holds: one that nobody holds was left by a
process that was killed, and goes at the next look.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import xxhash

from mosaic_admin import env
from tiers.pglite.directory import add_to_hash, files_of, release_for, tree_hash
from tiers.pglite.errors import ChangedError, DirectoryError, NoRoomError

OWNER = "owner.lock"
SPARE_BYTES = 64 << 20  # opening a copy writes to it: its log, and each chunk on its way
CHUNK_ROOM = 1.2
# What lets an engine act outside of its copy: a link leads back into the live files, and a recovery that is asked for
# runs the commands of the directory's own settings. PGlite makes neither.
STRAY = ("recovery.signal", "standby.signal")


def copies_folder() -> Path:
    return env.load().home.resolve() / "pglite-copies"


@contextmanager
def private_copy(directory: Path) -> Iterator[Path]:
    """Copy a directory that nobody writes to, for a block. The caller holds its lock.

    Raises: DirectoryError (a link in it, too), MajorError, NoRoomError; ChangedError when the directory was not still.
    """
    release_for(directory)
    sweep_copies()
    folder, owner = _make_folder()
    try:
        _refuse_without_room(directory, folder)
        copied = _copy(directory, folder / "data")
        if copied != _hash_again(directory):
            raise _changed(directory)
        yield folder / "data"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(owner)


def sweep_copies() -> int:
    """Remove the copies whose owner is gone; return how many there were."""
    folder = copies_folder()
    if not folder.is_dir():
        return 0
    removed = 0
    with _one_at_a_time(folder):
        for copy in folder.iterdir():
            if copy.is_dir() and not _is_owned(copy):
                shutil.rmtree(copy, ignore_errors=True)
                removed += 1
    return removed


def _is_owned(copy: Path) -> bool:
    try:
        with (copy / OWNER).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _make_folder() -> tuple[Path, int]:
    root = copies_folder()
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    root.chmod(0o700)
    with _one_at_a_time(root):  # a sweep must not meet a copy without its lock
        folder = Path(tempfile.mkdtemp(dir=root))
        owner = os.open(folder / OWNER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(owner, fcntl.LOCK_EX)
    return folder, owner


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    descriptor = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _refuse_without_room(directory: Path, folder: Path) -> None:
    size = sum(path.lstat().st_size for path in files_of(directory) if path.is_file())
    needed = int(size * CHUNK_ROOM) + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NoRoomError(
            f"A private copy of {directory} needs about {needed // 1_000_000} MB in {folder.parent}; "
            f"{free // 1_000_000} MB are free.",
            remediation="Make room there, or set MOSAIC_HOME to a folder on a larger disk.",
        )


def _copy(directory: Path, copy: Path) -> str:
    """Copy the tree and return the hash of what was read."""
    digest = xxhash.xxh3_128()
    copy.mkdir(mode=0o700)
    try:
        for path in files_of(directory):
            _copy_one(digest, path, directory, copy / path.relative_to(directory))
    except FileNotFoundError:
        raise _changed(directory) from None
    except PermissionError as exc:
        raise DirectoryError(
            f"A file of {directory} cannot be read by this user ({Path(str(exc.filename)).name}).",
            remediation="Run as the user who owns the directory.",
        ) from None
    return str(digest.hexdigest())


def _copy_one(digest: xxhash.xxh3_128, path: Path, directory: Path, to: Path) -> None:
    if path.is_symlink() or path.relative_to(directory).as_posix() in STRAY:
        raise _stray(path, directory)
    if path.is_file():
        with open(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            add_to_hash(digest, path, directory, file.write)
    else:
        add_to_hash(digest, path, directory)
        if path.is_dir():
            to.mkdir(mode=0o700)


def _stray(path: Path, directory: Path) -> DirectoryError:
    is_link = path.is_symlink()
    name = path.relative_to(directory).as_posix()
    return DirectoryError(
        f"{directory} holds {'the link' if is_link else 'a request for recovery,'} {name!r}: "
        f"{'a copy would write through it into the original' if is_link else 'no program of PGlite makes that'}.",
        remediation="Put the files themselves in the place of the link, with every program stopped, then try again."
        if is_link
        else "Find out who put it there. With every program stopped, take it away, then try again.",
    )


def _hash_again(directory: Path) -> str:
    with suppress(OSError):
        return tree_hash(directory)
    return ""


def _changed(directory: Path) -> ChangedError:
    return ChangedError(
        f"{directory} changed while it was being copied: some program writes to it.",
        remediation="Stop every program that uses it, on other hosts and in containers too, then try again.",
    )
