"""An engine of its own for one directory: a Node.js process that speaks PostgreSQL's protocol on a Unix socket."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from tiers.pglite import directory as directories
from tiers.pglite.engines import HOST, find_engine
from tiers.pglite.errors import PgliteError, TwoDatabasesError
from tiers.pglite.node import find_node
from tiers.pglite.releases import FOR_NEW_STORES, Release
from tiers.postgres import connect

OPEN_TIMEOUT_S = 180.0  # half a second at rest; a crashed log is replayed first, and an overloaded machine took 60
STOP_TIMEOUT_S = 20.0
_USER_TABLES = r"""
    SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'"""


class PgliteHost:
    """One directory's engine. The caller holds the directory's lock; at most one engine may have it open.

    The socket lies in a 0700 folder, since PGlite knows no passwords. The engine ends with this process.
    """

    def __init__(self, directory: Path, *, database: str = "") -> None:
        """`database` is where the tables are; empty: found out when the engine starts."""
        self.directory, self.database = directory, database
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address, the same for every start of this host."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="mosaic-pglite-"))  # 0700
        return f"postgresql://postgres@/{self.database}?host={quote(str(self._folder), safe='')}"

    def start(self, *, may_create: bool = False) -> None:
        """Open the directory, at the database that holds tables; starting what runs changes nothing.

        Raises: DirectoryError, MajorError, NoNodeError, NoEngineError, TwoDatabasesError, PgliteError.
        """
        if self.is_running():
            return
        self.pause()
        release = self._release(may_create=may_create)
        if not self.database:
            self.database = self._find_database(release)
        self._start(release)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def pause(self) -> None:
        """Close the directory properly and end the engine; the address stays for the next start."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(b"stop\n", STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def stop(self) -> None:
        """End for good; stopping what does not run is fine."""
        self.pause()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def connect(self, *, application_name: str, **options: Any) -> psycopg.Connection[Any]:
        return connect(self.url, application_name=application_name, **options)

    def _release(self, *, may_create: bool) -> Release:
        if may_create and directories.is_new(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            return FOR_NEW_STORES
        return directories.release_for(self.directory)

    def _find_database(self, release: Release) -> str:
        """Return the database with tables. The files tell; only where both have some, each is opened and asked."""
        found = directories.databases_with_files(self.directory)
        if len(found) > 1:
            found = [name for name in found if self._has_tables(release, name)]
        if len(found) > 1:
            raise TwoDatabasesError(
                f"{self.directory} holds tables in both of PGlite's default databases, {' and '.join(found)}.",
                remediation="Drop the tables that are not the store's from one of the two, with the program that "
                "made them; then try again.",
            )
        return found[0] if found else release.database

    def _has_tables(self, release: Release, name: str) -> bool:
        probe = PgliteHost(self.directory, database=name)
        try:
            probe._start(release)
            with probe.connect(application_name="mosaic pglite") as connection:
                row = connection.execute(_USER_TABLES).fetchone()
            return bool(row and row[0])
        finally:
            probe.stop()

    def _start(self, release: Release) -> None:
        engine, vector = find_engine(release)
        node = find_node()
        assert self.url
        assert self._folder
        wanted = {
            "engine": str(engine),
            "vector": str(vector),
            "dataDir": str(self.directory.resolve()),
            "database": self.database,
            "socket": str(self._folder / ".s.PGSQL.5432"),
            "stepwise": release.is_stepwise,
        }
        self._process = subprocess.Popen(
            [node.program, HOST, json.dumps(wanted)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the server's log, which can hold data
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "TMPDIR": tempfile.gettempdir()},
        )
        if "version" not in self._first_line(self._process):
            self.pause()
            raise PgliteError(
                f"PGlite {release.version} could not open {self.directory}.",
                remediation="Restore the directory from a copy, or open it once with the program that made it; a copy "
                "of a directory in use is not whole.",
            )

    def _first_line(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        """Return what the engine says first: that it listens, or nothing when it ended or took too long."""
        assert process.stdout
        line, deadline = b"", time.monotonic() + OPEN_TIMEOUT_S
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            block = os.read(process.stdout.fileno(), 4096) if ready else b""
            if not block:
                return {}
            line += block
        with suppress(ValueError):
            answer = json.loads(line)
            return answer if isinstance(answer, dict) else {}
        return {}


@contextmanager
def running(directory: Path, *, may_create: bool = False) -> Iterator[PgliteHost]:
    """Open a directory for a block. The caller holds its lock, or owns it alone as a copy."""
    host = PgliteHost(directory)
    try:
        host.start(may_create=may_create)
        yield host
    finally:
        host.stop()
