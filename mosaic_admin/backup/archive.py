"""The backup file: a compressed tar, the manifest first, each member with its size and SHA-256; sealed when asked."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

from mosaic_admin.backup import codes
from mosaic_admin.backup.sealed import MAGIC, SealedReader, SealingWriter, not_readable
from mosaic_admin.errors import MosaicError

FORMAT, VERSION = "mosaic-backup", 1
MANIFEST = "manifest.json"
MAX_MANIFEST = 5_000_000  # bytes
COPY = 1 << 20
# Everything that a backup may hold; any other name is refused before it is looked at.
MEMBER = re.compile(
    r"database/(control\.sqlite3|[a-z0-9_]{1,63}\.copy)|keys/[a-z][a-z-]{0,40}|secrets/[a-z][a-z0-9-]{0,60}"
    r"|config/(mosaic\.config\.json|cutover\.json)|admin-password"
)


@dataclass(frozen=True)
class Member:
    name: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself. `schema` is app -> names of its applied schema migrations."""

    created_at: str
    mosaic_version: str
    engine: str  # sqlite | postgresql
    schema: dict[str, list[str]]
    members: tuple[Member, ...]
    tables: dict[str, Any]  # PostgreSQL: table -> columns and sequences
    left_out: tuple[str, ...] = ()

    def has(self, folder: str) -> bool:
        return any(member.name.startswith(folder) for member in self.members)

    def as_json(self) -> bytes:
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=1).encode()


def member_of(name: str, file: Path) -> Member:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return Member(name, file.stat().st_size, digest)


def write(target: Path, manifest: Manifest, files: Mapping[str, Path], passphrase: str) -> None:
    """Write a backup that appears whole or not at all, 0600.

    Raises:
        MosaicError: MOS-BAK-004: the file exists, or cannot be written.
    """
    if os.path.lexists(target):
        raise _exists(target)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mkstemp makes it 0600
        try:
            with os.fdopen(handle, "wb") as file:
                _write_all(file, manifest, files, passphrase)
                file.flush()
                os.fsync(file.fileno())
            os.link(name, target)  # unlike a rename it never replaces what somebody put there meanwhile
        finally:
            Path(name).unlink()
    except FileExistsError:
        raise _exists(target) from None
    except OSError as exc:
        raise MosaicError(
            f"The backup {target} cannot be written (errno {exc.errno}).",
            remediation=f"Name a folder that exists, can be written and has room: {target.parent}",
            code=codes.FILE_EXISTS,
        ) from None


def _exists(target: Path) -> MosaicError:
    return MosaicError(
        f"{target} exists already; a backup is never overwritten.",
        remediation="Name another file, with the date for instance.",
        code=codes.FILE_EXISTS,
    )


def _write_all(file: IO[bytes], manifest: Manifest, files: Mapping[str, Path], passphrase: str) -> None:
    sealing = SealingWriter(file, passphrase) if passphrase else None
    out = cast(IO[bytes], sealing or file)
    with tarfile.open(fileobj=out, mode="w|gz", format=tarfile.PAX_FORMAT) as tar:
        text = manifest.as_json()
        tar.addfile(_entry(MANIFEST, len(text)), io.BytesIO(text))
        for member in manifest.members:
            with files[member.name].open("rb") as source:
                tar.addfile(_entry(member.name, member.size), source)
    if sealing:
        sealing.close()


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


def is_sealed(path: Path) -> bool:
    """Say whether a backup needs a passphrase. Raises MosaicError (MOS-BAK-001) for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as exc:
        raise not_readable(f"{path} cannot be read (errno {exc.errno})") from None


@contextmanager
def _opened(path: Path, passphrase: str) -> Iterator[tarfile.TarFile]:
    sealed = is_sealed(path)
    if sealed and not passphrase:
        raise MosaicError(
            f"{path} is encrypted.",
            remediation="Give its passphrase: --passphrase-file FILE",
            code=codes.PASSPHRASE,
        )
    try:
        with path.open("rb") as file:
            file.seek(len(MAGIC) if sealed else 0)
            content = cast(IO[bytes], SealedReader(file, passphrase) if sealed else file)
            with tarfile.open(fileobj=content, mode="r|gz") as tar:
                yield tar
                while content.read(COPY):  # to the last chunk: a cut file is noticed
                    pass
    except (tarfile.TarError, zlib.error, EOFError, OSError, UnicodeDecodeError) as exc:
        raise not_readable(f"it is damaged or no backup ({type(exc).__name__})") from None


def read(path: Path, passphrase: str, folder: Path | None = None) -> Manifest:
    """Read a backup through, hold every member against the manifest, and lay the members into an empty `folder`.

    Raises:
        MosaicError: MOS-BAK-001 damaged, MOS-BAK-002 no or a wrong passphrase, MOS-BAK-003 of a newer format.
    """
    with _opened(path, passphrase) as tar:
        manifest = _manifest(tar)
        expected = {member.name: member for member in manifest.members}
        while entry := tar.next():
            member = expected.pop(entry.name, None)
            source = tar.extractfile(entry) if member and entry.isreg() else None
            if member is None or source is None or entry.size != member.size:
                raise not_readable(f"{entry.name!r} is not what the manifest says")
            if _take(source, folder / member.name if folder else None) != member.sha256:
                raise not_readable(f"the checksum of {member.name} is another one")
        if expected:
            raise not_readable(f"{min(expected)} is missing")
    return manifest


def _take(source: IO[bytes], target: Path | None) -> str:
    digest = hashlib.sha256()
    if target:
        target.parent.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600) if target else None
    try:
        while data := source.read(COPY):
            digest.update(data)
            if handle is not None:
                os.write(handle, data)
        if handle is not None:
            os.fsync(handle)
    finally:
        if handle is not None:
            os.close(handle)
    return digest.hexdigest()


def _manifest(tar: tarfile.TarFile) -> Manifest:
    entry = tar.next()
    source = tar.extractfile(entry) if entry and entry.isreg() else None
    if entry is None or source is None or entry.name != MANIFEST or entry.size > MAX_MANIFEST:
        raise not_readable("it has no manifest")
    return parse_manifest(source.read())


def parse_manifest(text: bytes) -> Manifest:
    """Read a manifest. Raises MosaicError: MOS-BAK-001, or MOS-BAK-003 for a newer format."""
    try:
        data = json.loads(text)
        if data.pop("format") != FORMAT:
            raise ValueError("another format")
        version = data.pop("version")
        if isinstance(version, int) and version > VERSION:
            raise newer(f"its format is {version}, and {VERSION} is the newest that is known here")
        members = tuple(Member(**item) for item in data.pop("members"))
        if version != VERSION or not all(MEMBER.fullmatch(member.name) for member in members):
            raise ValueError("unknown names")
        return Manifest(members=members, **data)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise not_readable("its manifest makes no sense") from None


def newer(why: str) -> MosaicError:
    return MosaicError(
        f"The backup was made by a newer Mosaic Admin: {why}.",
        remediation="Install that version or a newer one, then restore: see `mosaic --version` where it was made.",
        code=codes.NEWER,
    )
