"""One way to use a store, whichever engine keeps it: connect, introspect, lock, version, enable vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg

from mosaic_admin.errors import MosaicError
from store import codes
from store.extension import create_vector
from store.lock import Mode, StoreLock
from tiers.config import PgliteStorage, PostgresStorage
from tiers.pglite.directory import DirectoryLock
from tiers.pglite.host import PgliteHost
from tiers.postgres import CONNECT_TIMEOUT_S, connect, driver_errors

APPLICATION = "mosaic store"
Connection = psycopg.Connection[Any]


class VectorNotHereError(MosaicError):
    """Vectors were asked for on a tier that keeps none."""

    code = codes.NOT_FEDERATED


class NotOpenError(MosaicError):
    """A PGlite directory was asked for without its lock."""

    code = codes.NOT_OPEN


@dataclass(frozen=True)
class StoreAddress:
    """What Django's alias and psycopg need of an open store; `repr` holds no password."""

    url: str
    display: str
    enable_vector: bool = False

    def __repr__(self) -> str:
        return f"StoreAddress({self.display})"


@dataclass(frozen=True)
class Introspection:
    """What a store's database holds: `tables` is table → column → PostgreSQL's name of its type, of schema public."""

    database: str
    version_num: int  # 170005 is 17.5
    vector: str  # the version of pgvector that is enabled, "" for none
    tables: Mapping[str, Mapping[str, str]]


class StoreLockLike(Protocol):
    """A lock on the whole store; releasing what is not held is fine, and so is taking what is held."""

    def acquire(self, timeout_s: float = 0.0) -> None: ...
    def is_held(self) -> bool: ...
    def has_ended(self) -> bool: ...
    def release(self) -> None: ...


class StoreAdapter(Protocol):
    """A store as everything above uses it. Each error is a MosaicError with a remedy."""

    @property
    def display(self) -> str: ...
    @property
    def is_single(self) -> bool:
        """Say whether one process with one session is all that the store takes."""

    @property
    def address(self) -> StoreAddress:
        """Where to connect; of a PGlite directory it is good while the lock is held."""

    def opened(self, holder: str, *, may_create: bool = False) -> AbstractContextManager[None]:
        """Make the store reachable for a block. A server is anyway; a directory is locked and opened."""

    def lock(self, mode: Mode, holder: str) -> StoreLockLike: ...
    def connect(self, *, application_name: str = ..., timeout_s: float = ..., **conninfo: Any) -> Connection: ...
    def introspect(self) -> Introspection: ...
    def version(self) -> int: ...
    def enable_vector(self) -> None:
        """Enable pgvector where the configuration says so; refused everywhere else, before anything connects."""

    def close(self) -> None: ...


class _Shared:
    """What both adapters do alike, over their own `connect`."""

    @property
    def display(self) -> str:
        raise NotImplementedError

    @property
    def has_vector(self) -> bool:
        return False

    def connect(
        self, *, application_name: str = APPLICATION, timeout_s: float = CONNECT_TIMEOUT_S, **conninfo: Any
    ) -> Connection:
        raise NotImplementedError

    def introspect(self) -> Introspection:
        with driver_errors(self.display), self.connect() as connection:
            facts = connection.execute(_FACTS).fetchone()
            assert facts is not None
            tables: dict[str, dict[str, str]] = {}
            for table, column, kind in connection.execute(_COLUMNS).fetchall():
                tables.setdefault(table, {})[column] = kind
        return Introspection(str(facts[0]), int(facts[1]), str(facts[2]), tables)

    def version(self) -> int:
        """Return the server's version as a number: 170005 is 17.5."""
        with self.connect() as connection:
            return connection.info.server_version

    def enable_vector(self) -> None:
        if not self.has_vector:
            raise VectorNotHereError(
                f"{self.display} is not of the federated tier: its configuration does not enable vectors.",
                remediation="Nothing to enable here. Vectors come with the federated tier: "
                "mosaic storage migrate-tier --to federated",
            )
        with self.connect() as connection:
            create_vector(connection, self.display)


_FACTS = """
    SELECT current_database()::text, current_setting('server_version_num')::int,
           coalesce((SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vector'), '')"""
_COLUMNS = """
    SELECT c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = to_regnamespace('public')::oid AND c.relkind IN ('r', 'p')
       AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum"""


class PostgresStore(_Shared):
    """A PostgreSQL database: standalone, or federated with pgvector."""

    is_single = False

    def __init__(self, storage: PostgresStorage) -> None:
        self._storage = storage

    @property
    def display(self) -> str:
        return self._storage.display

    @property
    def has_vector(self) -> bool:
        return self._storage.enable_vector

    @property
    def address(self) -> StoreAddress:
        return StoreAddress(self._storage.url, self.display, self.has_vector)

    @contextmanager
    def opened(self, holder: str, *, may_create: bool = False) -> Iterator[None]:
        yield

    def lock(self, mode: Mode, holder: str) -> StoreLock:
        return StoreLock(self._storage.url, mode, holder)

    def connect(
        self, *, application_name: str = APPLICATION, timeout_s: float = CONNECT_TIMEOUT_S, **conninfo: Any
    ) -> Connection:
        return connect(self._storage.url, application_name=application_name, timeout_s=timeout_s, **conninfo)

    def close(self) -> None:
        return None


class PgliteStore(_Shared):
    """A PGlite directory: locked, then opened by an engine of its own, for as long as the lock is held."""

    is_single = True

    def __init__(self, storage: PgliteStorage) -> None:
        self._storage = storage
        self._host = PgliteHost(storage.data_dir)

    @property
    def display(self) -> str:
        return self._storage.display

    @property
    def address(self) -> StoreAddress:
        return StoreAddress(self._host.url, self.display)

    @contextmanager
    def opened(self, holder: str, *, may_create: bool = False) -> Iterator[None]:
        lock = PgliteLock(self._host, holder, may_create=may_create)
        lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def lock(self, mode: Mode, holder: str) -> PgliteLock:
        """Whatever the mode, one program at a time: an engine cannot share its directory."""
        return PgliteLock(self._host, holder)

    def connect(
        self, *, application_name: str = APPLICATION, timeout_s: float = CONNECT_TIMEOUT_S, **conninfo: Any
    ) -> Connection:
        if not self._host.is_running():
            raise NotOpenError(
                f"{self.display} is not open in this process.", remediation="Take the store's lock first."
            )
        return self._host.connect(application_name=application_name, timeout_s=timeout_s, **conninfo)

    def close(self) -> None:
        """Let go of the engine's address; a lock that is held is released by its holder."""
        self._host.stop()


class PgliteLock:
    """The directory's lock and its engine: the one is of no use without the other."""

    def __init__(self, host: PgliteHost, holder: str, *, may_create: bool = False) -> None:
        self._host, self._may_create = host, may_create
        self._lock = DirectoryLock(host.directory, "exclusive", holder)

    def acquire(self, timeout_s: float = 0.0) -> None:
        """Lock the directory and open it. Raises InUseError, and what keeps it from being opened."""
        self._lock.acquire(timeout_s)
        try:
            self._host.start(may_create=self._may_create)
        except BaseException:
            self._lock.release()
            raise

    def is_held(self) -> bool:
        return self._lock.is_held() and self._host.is_running()

    def has_ended(self) -> bool:
        return not self.is_held()

    def release(self) -> None:
        self._host.pause()  # first: nobody may open the directory while this engine has it
        self._lock.release()


def adapter_for(storage: PgliteStorage | PostgresStorage) -> StoreAdapter:
    """Return the adapter of a resolved storage configuration. Nothing is opened yet; `close` it in the end."""
    return PgliteStore(storage) if isinstance(storage, PgliteStorage) else PostgresStore(storage)
