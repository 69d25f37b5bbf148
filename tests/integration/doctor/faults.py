"""Everything that the boot gate refuses, brought about on real servers: one entry for each code it can exit with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from store.ledger import StoreLock, holder_name
from tests.integration.doctor.conftest import (
    as_role,
    begin_run,
    closed_port,
    greeting_port,
    silent_port,
)
from tests.integration.doctor.odd_servers import pgbouncer
from tests.integration.doctor.stores import MakeStore
from tests.old_postgres import StartPostgres
from tests.pglite import MakeDirectory, held_open
from tests.servers import MakeDatabase
from tiers.pglite import engines, node
from tiers.pglite.directory import DirectoryLock

CANARY = "wrong-canary-pw-7"


@dataclass
class Install:
    """A federated install in order, and what is needed to put it out of order. `undo` runs after the test."""

    folder: Path
    postgres: EmbeddedPostgres
    plain: EmbeddedPostgres
    broken: EmbeddedPostgres
    starting: EmbeddedPostgres
    valkey: EmbeddedValkey
    make_database: MakeDatabase
    make_store: MakeStore
    old_postgres: StartPostgres
    make_directory: MakeDirectory
    undo: ExitStack
    storage: str = ""
    queue: str = ""
    raw: str = ""
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / "mosaic.config.json"

    @property
    def document(self) -> dict[str, Any]:
        return {
            "version": 1,
            "tier": "federated",
            "storage": {"type": "postgres", "url": self.storage, "enableVector": True},
            "queue": {"type": "bullmq", "url": self.queue},
            "memory": {"type": "pgvector"},
            **self.changes,
        }

    def bring_about(self, fault: str) -> Path:
        """Make the fault and return the configuration to boot from."""
        FAULTS[fault].make(self)
        return self.written()

    def written(self) -> Path:
        """Write the configuration down as it is by now; what no fault has touched is in order."""
        self.store()
        self.queue = self.queue or self.valkey.url
        self.path.write_text(self.raw or json.dumps(self.document))
        return self.path

    def store(self) -> str:
        """The install's store, in order until now."""
        self.storage = self.storage or self.make_store(self.postgres)
        return self.storage

    def sql(self, *statements: str) -> None:
        self.store()
        with psycopg.connect(self.storage, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.replace("{database}", f'"{connection.info.dbname}"'))

    def at_port(self, port: int) -> None:
        self.storage = f"postgresql://mosaic:{CANARY}@127.0.0.1:{port}/mosaic"

    def at_directory(self, directory: Path) -> Path:
        """Be an install of the local tier instead."""
        self.changes = {
            "tier": "local",
            "storage": {"type": "pglite", "dataDir": str(directory)},
            "queue": {"type": "local"},
            "memory": {"type": "keyword"},
        }
        return directory

    def patch(self, module: object, name: str, value: object) -> None:
        self.undo.enter_context(pytest.MonkeyPatch.context()).setattr(module, name, value)

    def own_role(self, *statements: str) -> None:
        """Sign in as a role of its own, which the statements then put at a disadvantage."""
        url = self.make_store(self.postgres)
        role = as_role(url, "faults_role")
        self.storage = url
        self.sql("ALTER DATABASE {database} OWNER TO admin", *statements)
        self.storage = role

    def run_as_admin(self, statement: str) -> None:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(statement)

    def valkey_client(self) -> redis.Redis:
        return self.undo.enter_context(closing(redis.Redis.from_url(self.valkey.url, decode_responses=True)))

    def valkey_setting(self, name: str, value: str) -> None:
        client = self.valkey_client()
        self.undo.callback(client.config_set, name, client.config_get(name)[name])
        client.config_set(name, value)


@dataclass(frozen=True)
class FaultCase:
    """`is_of_a_server`: the same fault can be met by the question "could I move there?"."""

    code: str
    make: Callable[[Install], object]
    is_of_a_server: bool = True


FAULTS: dict[str, FaultCase] = {}
Make = Callable[[Install], object]


def fault(name: str, code: str, *, of_server: bool = True) -> Callable[[Make], Make]:
    def add(make: Make) -> Make:
        FAULTS[name] = FaultCase(code, make, of_server)
        return make

    return add


def with_password(url: str) -> str:
    return url.replace(f":{urlsplit(url).password}@", f":{CANARY}@")


# ---- the configuration and the record beside it ----


@fault("configuration cut off", "MOS-CFG-001", of_server=False)
def _(install: Install) -> None:
    install.raw = '{"version": 1,'


@fault("configuration with an unknown key", "MOS-CFG-001", of_server=False)
def _(install: Install) -> None:
    install.changes = {"qeue": {}}


@fault("cutover record disagrees", "MOS-GW-002", of_server=False)
def _(install: Install) -> None:
    (install.folder / "cutover.json").write_text('{"version": 1, "state": "rolled_back"}')


@fault("cutover record damaged", "MOS-GW-003", of_server=False)
def _(install: Install) -> None:
    (install.folder / "cutover.json").write_text("{")


# ---- PGlite ----


@fault("pglite directory missing", "MOS-PGL-001", of_server=False)
def _(install: Install) -> None:
    install.at_directory(install.folder / "none")


@fault("pglite directory empty", "MOS-PGL-001", of_server=False)
def _(install: Install) -> None:
    (install.folder / "empty").mkdir()
    install.at_directory(install.folder / "empty")


@fault("pglite of an unknown major", "MOS-PGL-002", of_server=False)
def _(install: Install) -> None:
    directory = install.at_directory(install.make_directory("0.5"))
    (directory / "PG_VERSION").write_text("15\n")


@fault("node missing", "MOS-PGL-003", of_server=False)
def _(install: Install) -> None:
    install.at_directory(install.make_directory("0.5"))
    install.patch(node, "_on_path", lambda: None)
    install.patch(node, "_wheel", lambda: None)


@fault("pglite open in a program without our lock", "MOS-PGL-004", of_server=False)
def _(install: Install) -> None:
    install.undo.enter_context(held_open("0.5", install.at_directory(install.make_directory("0.5"))))


@fault("pglite locked", "MOS-PGL-004", of_server=False)
def _(install: Install) -> None:
    directory = install.at_directory(install.make_directory("0.5"))
    install.undo.enter_context(DirectoryLock(directory, "exclusive", "another program"))


@fault("pglite engines not installed", "MOS-PGL-005", of_server=False)
def _(install: Install) -> None:
    install.at_directory(install.make_directory("0.5"))
    install.patch(engines, "_folders", lambda: (install.folder / "a", install.folder / "b"))


# ---- PostgreSQL ----


@fault("postgres name unknown", "MOS-PG-001")
def _(install: Install) -> None:
    install.storage = f"postgresql://mosaic:{CANARY}@no-such-host.invalid:5432/mosaic"


@fault("postgres refuses", "MOS-PG-002")
def _(install: Install) -> None:
    install.at_port(install.undo.enter_context(closed_port()))


@fault("postgres hangs", "MOS-PG-003")
def _(install: Install) -> None:
    install.at_port(install.undo.enter_context(silent_port()))


@fault("postgres without the TLS that is asked for", "MOS-PG-004")
def _(install: Install) -> None:
    install.storage = f"{install.store()}?sslmode=require"


@fault("postgres password", "MOS-PG-005")
def _(install: Install) -> None:
    install.storage = with_password(install.store())


@fault("postgres database missing", "MOS-PG-006")
def _(install: Install) -> None:
    install.storage = install.postgres.url_for("no_such_database")


@fault("postgres starting", "MOS-PG-007")
def _(install: Install) -> None:
    install.storage = install.starting.url


@fault("postgres connections used up", "MOS-PG-008")
def _(install: Install) -> None:
    install.own_role("ALTER ROLE faults_role CONNECTION LIMIT 0")


@fault("postgres right to connect", "MOS-PG-009")
def _(install: Install) -> None:
    install.own_role("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC")


@fault("postgres tables not granted", "MOS-PG-009")
def _(install: Install) -> None:
    install.own_role("GRANT CREATE ON DATABASE {database} TO faults_role")


@fault("postgres too old", "MOS-PG-021")
def _(install: Install) -> None:
    install.storage = install.old_postgres(16).url


@fault("postgres read-only", "MOS-PG-011")
def _(install: Install) -> None:
    install.sql("ALTER DATABASE {database} SET default_transaction_read_only = on")


@fault("postgres behind a pooler", "MOS-PG-023")
def _(install: Install) -> None:
    install.storage = install.undo.enter_context(pgbouncer(install.store(), install.folder / "pgbouncer"))


@fault("postgres encoding", "MOS-PG-025")
def _(install: Install) -> None:
    install.run_as_admin("CREATE DATABASE faults_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    install.undo.callback(install.run_as_admin, "DROP DATABASE faults_latin WITH (FORCE)")
    install.storage = install.postgres.url_for("faults_latin")


@fault("something else on the port of postgres", "MOS-PG-027")
def _(install: Install) -> None:
    install.at_port(install.undo.enter_context(greeting_port(b"220 mail.example ESMTP\r\n")))


# ---- pgvector ----


@fault("pgvector library missing", "MOS-PGV-001")
def _(install: Install) -> None:
    install.storage = install.make_database(install.plain)


@fault("pgvector not permitted", "MOS-PGV-002")
def _(install: Install) -> None:
    install.storage = as_role(install.make_database(install.postgres), "faults_owner")


@fault("pgvector not enabled", "MOS-PGV-003")
def _(install: Install) -> None:
    install.storage = install.make_database(install.postgres)


@fault("pgvector library broken", "MOS-PGV-004")
def _(install: Install) -> None:
    install.storage = install.make_database(install.broken)


@fault("pgvector too old", "MOS-PGV-005")
def _(install: Install) -> None:
    install.sql("UPDATE pg_extension SET extversion = '0.5.1' WHERE extname = 'vector'")


@fault("pgvector downgraded", "MOS-PGV-007")
def _(install: Install) -> None:
    install.sql("UPDATE pg_extension SET extversion = '99.0.0' WHERE extname = 'vector'")


# ---- Valkey ----


@fault("valkey refuses", "MOS-VK-002")
def _(install: Install) -> None:
    install.queue = f"redis://:{CANARY}@127.0.0.1:{install.undo.enter_context(closed_port())}/0"


@fault("valkey hangs", "MOS-VK-003")
def _(install: Install) -> None:
    install.queue = f"redis://:{CANARY}@127.0.0.1:{install.undo.enter_context(silent_port())}/0"


@fault("valkey password", "MOS-VK-005")
def _(install: Install) -> None:
    install.queue = with_password(install.valkey.url)


@fault("valkey database missing", "MOS-VK-006")
def _(install: Install) -> None:
    install.queue = install.valkey.url_for(9999)


@fault("valkey connections used up", "MOS-VK-008")
def _(install: Install) -> None:
    install.valkey_setting("maxclients", "1")


@fault("valkey rights", "MOS-VK-009")
def _(install: Install) -> None:
    client = install.valkey_client()
    client.execute_command("ACL", "SETUSER", "faults", "on", ">faults-password", "~*", "&*", "+@all", "-lpush")
    install.undo.callback(client.acl_deluser, "faults")
    install.queue = f"redis://faults:faults-password@127.0.0.1:{install.valkey.port}/0"


@fault("valkey read-only", "MOS-VK-011")
def _(install: Install) -> None:
    client = install.valkey_client()
    install.undo.callback(client.replicaof, "NO", "ONE")
    client.replicaof("127.0.0.1", "1")
    client.config_set("replica-serve-stale-data", "yes")


@fault("valkey evicts", "MOS-VK-022")
def _(install: Install) -> None:
    install.valkey_setting("maxmemory-policy", "allkeys-lru")


# ---- the store ----


@fault("store without tables", "MOS-GW-006", of_server=False)
def _(install: Install) -> None:
    install.storage = install.make_database(install.postgres, "vector")


@fault("store of another version", "MOS-GW-006", of_server=False)
def _(install: Install) -> None:
    install.sql('ALTER TABLE tasks RENAME COLUMN owner_id TO "ownerId"')


@fault("store with an unfinished migration", "MOS-STO-020")
def _(install: Install) -> None:
    begin_run(install.store(), "copying")


@fault("store under a migration", "MOS-STO-021")
def _(install: Install) -> None:
    install.storage = install.make_store(install.postgres)
    install.undo.enter_context(StoreLock(install.storage, "exclusive", holder_name("mig", epoch=3)))


@fault("store under a stranger's lock", "MOS-STO-022")
def _(install: Install) -> None:
    install.storage = install.make_store(install.postgres)
    stranger = install.undo.enter_context(psycopg.connect(install.storage, application_name="somebody"))
    stranger.execute("SELECT pg_advisory_lock(%s::int, 1)", (0x4D4F5341,))


@pytest.fixture
def install(
    tmp_path: Path,
    postgres: EmbeddedPostgres,
    plain_postgres: EmbeddedPostgres,
    broken_postgres: EmbeddedPostgres,
    starting_postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    make_database: MakeDatabase,
    make_store: MakeStore,
    old_postgres: StartPostgres,
    make_directory: MakeDirectory,
) -> Iterator[Install]:
    servers = (postgres, plain_postgres, broken_postgres, starting_postgres, valkey)
    with ExitStack() as undo:
        yield Install(tmp_path, *servers, make_database, make_store, old_postgres, make_directory, undo)
