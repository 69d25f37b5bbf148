"""A PGlite directory as the source: read from a private copy, through an engine with one session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from migration.engine.model import CheckResult, CheckStatus, Endpoint
from tiers.config import PgliteStorage
from tiers.pglite import codes
from tiers.pglite.copies import private_copy
from tiers.pglite.directory import DirectoryLock
from tiers.pglite.host import PgliteHost


@dataclass(frozen=True)
class CopiedDirectory:
    """Stands in for the configured directory while its copy can be read."""

    url: str = field(repr=False)
    data_dir: Path
    enable_vector: bool = False
    type: Literal["pglite"] = "pglite"

    @property
    def display(self) -> str:
        return str(self.data_dir)


def is_copy(endpoint: Endpoint) -> bool:
    """Say whether an end has one session and is nobody else's: it needs no snapshot and no lock of its own."""
    return isinstance(endpoint.config.storage, CopiedDirectory)


@contextmanager
def readable(source: Endpoint, holder: str, *, exclusive: bool = False, wait_s: float = 0.0) -> Iterator[Endpoint]:
    """Make a source readable for a block. A server is; of a directory a copy is made, opened and removed again.

    `exclusive` keeps gateways off the directory until the end of the block, otherwise until the copy is made.
    Raises: the PgliteErrors.
    """
    storage = source.config.storage
    if not isinstance(storage, PgliteStorage):
        yield source
        return
    lock = DirectoryLock(storage.data_dir, "exclusive" if exclusive else "shared", holder)
    lock.acquire(wait_s)
    try:
        with private_copy(storage.data_dir) as copy:
            if not exclusive:
                lock.release()
            yield from _opened(source, storage, copy)
    finally:
        lock.release()


def _opened(source: Endpoint, storage: PgliteStorage, copy: Path) -> Iterator[Endpoint]:
    host = PgliteHost(copy)
    try:
        host.start()
        reachable = CopiedDirectory(host.url, storage.data_dir)
        yield replace(source, config=replace(source.config, storage=reachable))  # type: ignore[arg-type]
    finally:
        host.stop()


def unseen_programs(source: Endpoint) -> list[CheckResult]:
    """Say in the plan what nobody can check: a directory's lock and open files are seen on this host only."""
    if not is_copy(source):
        return []
    text = "none on this host has the directory open; other hosts and containers can't be seen"
    fix = "Make sure that every Mosaic that uses this directory is stopped, also on other hosts and in containers."
    return [CheckResult(codes.IN_USE.id, "programs that use the source", CheckStatus.WARN, text, fix)]
