"""A PGlite directory seen from outside: its version and identity, who uses it, its lock. Nothing here opens it."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import xxhash

from tiers.pglite.errors import DirectoryError, InUseError, MajorError
from tiers.pglite.releases import DATABASES, RELEASES, Release

Mode = Literal["shared", "exclusive"]
POLL_S = 0.2
LOOK_S = 0.5  # who only looks (`lock_holder`) has the lock for an instant: whoever meets that tries again
FIRST_USER_FILE = 16_384  # PostgreSQL numbers its own catalogs below
BLOCK = 1 << 20


def is_new(directory: Path) -> bool:
    """Say whether there is nothing yet: no directory, or an empty one."""
    try:
        return not any(directory.iterdir())
    except FileNotFoundError:
        return True
    except OSError:
        return False


def read_major(directory: Path) -> str:
    """Return what the directory's PG_VERSION says. Raises DirectoryError."""
    try:
        return (directory / "PG_VERSION").read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise no_data(directory) from None


def no_data(directory: Path) -> DirectoryError:
    if is_new(directory):
        what = "is empty" if directory.is_dir() else "is not there"
        return DirectoryError(
            f"{directory} {what}: it holds no PGlite data.",
            remediation="Correct storage.dataDir. For a new store make its tables: mosaic store prepare",
            command="mosaic store prepare",
        )
    return DirectoryError(
        f"{directory} holds no PGlite data that this user can read.",
        remediation="Correct storage.dataDir, or run as the user who owns the directory.",
        command=f"ls -ld {shlex.quote(str(directory))}",
    )


def release_for(directory: Path) -> Release:
    """Return the release that opens the directory. Raises DirectoryError, MajorError."""
    major = read_major(directory)
    if major in RELEASES:
        return RELEASES[major]
    raise MajorError(
        f"No known PGlite opens a directory of PostgreSQL {major[:20] or 'without a version'}.",
        remediation=f"Known are {', '.join(RELEASES)}: restore the directory from a copy, or update Mosaic Admin.",
        command=f"cat {shlex.quote(str(directory / 'PG_VERSION'))}",
    )


def system_identifier(directory: Path) -> str:
    """Return the number that PostgreSQL gave these data when they were made; a copy keeps it."""
    try:
        return str(struct.unpack("<Q", (directory / "global" / "pg_control").read_bytes()[:8])[0])
    except (OSError, struct.error):
        raise no_data(directory) from None


def databases_with_files(directory: Path) -> list[str]:
    """Return which of the two default databases hold relations of a user's own, by the files they lie in."""
    return [name for name, oid in DATABASES.items() if _has_user_files(directory / "base" / str(oid))]


def _has_user_files(folder: Path) -> bool:
    with suppress(OSError):
        return any(item.name.isdigit() and int(item.name) >= FIRST_USER_FILE for item in folder.iterdir())
    return False


def files_of(directory: Path) -> Iterator[Path]:
    """Yield every file and folder below the directory, in one order."""
    for folder, folders, files in os.walk(directory):
        folders.sort()
        for name in sorted([*folders, *files]):
            yield Path(folder, name)


def tree_hash(directory: Path) -> str:
    """Return a hash of every name and every byte below the directory."""
    digest = xxhash.xxh3_128()
    for path in files_of(directory):
        add_to_hash(digest, path, directory)
    return str(digest.hexdigest())


def add_to_hash(
    digest: xxhash.xxh3_128, path: Path, directory: Path, on_block: Callable[[bytes], object] | None = None
) -> None:
    """Add a name and its content; `on_block` gets each block on the way."""
    is_file = path.is_file() and not path.is_symlink()
    digest.update(f"{path.relative_to(directory)}\0{is_file}\0".encode())
    if not is_file:
        return
    size = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            size += len(block)
            digest.update(block)
            if on_block:
                on_block(block)
    digest.update(f"\0{size}\0".encode())


def lock_path(directory: Path) -> Path:
    """Return the lock file beside the directory, the same for every way to write its path."""
    real = directory.resolve()
    return real.with_name(f"{real.name}.mosaic.lock")


def lock_holder(directory: Path) -> str | None:
    """Return who holds the lock exclusively, as it named itself; None when nobody does."""
    path = lock_path(directory)
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except BlockingIOError:
        return _name_in(path) or "a program without a name"
    except OSError:
        return None


def _name_in(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace").strip()[:100]
    return ""


def programs_using(directory: Path, *, besides: str = "") -> list[int]:
    """Return the processes of this machine with a file below `directory` open.

    Left out are this process, and the lock's holder `besides` (`mosaic-gw host:pid:epoch`) with its engine. Only root
    sees other users' processes; nobody here sees those of other hosts and containers.
    """
    holder, real = _process_of(besides), directory.resolve()
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
        and int(entry.name) not in (os.getpid(), holder)
        and _has_open(entry / "fd", real)
        and not (holder and _parent(entry) == holder)
    ]


def _process_of(holder: str) -> int:
    parts = holder.rsplit(":", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].isdigit() else 0


def _has_open(folder: Path, directory: Path) -> bool:
    try:
        return any(_target(link).is_relative_to(directory) for link in folder.iterdir())
    except OSError:  # another user's process, or it has just ended
        return False


def _target(link: Path) -> Path:
    try:
        return Path(os.readlink(link))
    except FileNotFoundError:  # closed since it was listed
        return Path("/")


def _parent(process: Path) -> int:
    with suppress(OSError, ValueError, IndexError):
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


def opened_by(users: list[int], directory: Path) -> InUseError:
    command = f"ps -fp {','.join(map(str, users))}"
    return InUseError(
        f"Process {', '.join(map(str, users))} has {directory} open.",
        remediation=f"Stop it, then try again. See what it is: {command}",
        command=command,
        processes=users,
    )


_held_here: dict[Path, int] = {}  # directory → descriptor of the exclusive lock that this process has on it


class DirectoryLock:
    """`flock` on `<directory>.mosaic.lock`: exclusive for whoever opens the directory, shared for who copies it.

    The kernel releases it when its holder ends, however it ends.
    """

    def __init__(self, directory: Path, mode: Mode, holder: str) -> None:
        self.directory, self.mode, self.holder = directory, mode, holder
        self._file: int | None = None

    def acquire(self, timeout_s: float = 0.0) -> None:
        """Take the lock, and see that no program without one uses the directory.

        Raises: InUseError, naming who was seen; DirectoryError where the lock file cannot be made.
        """
        if self._file is not None:
            return
        real = self.directory.resolve()
        if self.mode == "shared" and real in _held_here:
            self._file = os.dup(_held_here[real])  # this process keeps every writer out already
            return
        deadline = time.monotonic() + max(timeout_s, LOOK_S)
        descriptor = self._open()
        try:
            while not self._try(descriptor):
                if time.monotonic() >= deadline:
                    raise self._in_use(_name_in(lock_path(self.directory)))
                time.sleep(POLL_S)
            self._refuse_programs()
            if self.mode == "exclusive":
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{self.holder}\n".encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._file = descriptor
        if self.mode == "exclusive":
            _held_here[real] = descriptor

    def is_held(self) -> bool:
        return self._file is not None

    def has_ended(self) -> bool:
        """Say whether the lock is over; unlike a session's it ends only when it is released."""
        return self._file is None

    def release(self) -> None:
        """Let go; releasing what is not held is fine."""
        descriptor, self._file = self._file, None
        if descriptor is None:
            return
        if self.mode == "exclusive":
            _held_here.pop(self.directory.resolve(), None)
            os.ftruncate(descriptor, 0)  # or the next one who is kept out would name us
        os.close(descriptor)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _open(self) -> int:
        path = lock_path(self.directory)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise DirectoryError(
                f"The lock file {path} cannot be opened ({os.strerror(exc.errno or errno.EIO)}).",
                remediation="Run as the user who owns the PGlite directory, and let that user write in the folder "
                "around it.",
            ) from None

    def _try(self, descriptor: int) -> bool:
        kind = fcntl.LOCK_EX if self.mode == "exclusive" else fcntl.LOCK_SH
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _refuse_programs(self) -> None:
        users = programs_using(self.directory)
        if users:
            raise opened_by(users, self.directory)

    def _in_use(self, holder: str) -> InUseError:
        is_gateway = holder.startswith("mosaic-gw ")
        fix = "Run `mosaic gateway pause` (`mosaic gateway resume` undoes it), or stop that gateway; then try again."
        return InUseError(
            f"{self.directory} is in use: {holder or 'another program'} holds its lock.",
            remediation=fix if is_gateway else "Wait for it to end, or cancel it; then try again.",
            holder=holder,
        )
