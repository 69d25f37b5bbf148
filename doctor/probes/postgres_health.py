"""What matters on a PostgreSQL server that answers: rights, version, writes, poolers, connections, encoding, disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from doctor import codes
from doctor.findings import Finding, failed, passed, skipped, warned
from doctor.probe import BaseProbe, Context
from doctor.probes.commands import Address, identifier
from doctor.probes.postgres import PostgresFacts, PostgresProbe, connection_of, facts_of, postgres_ladder
from mosaic_admin.redaction import display_url
from tiers import codes as tiers_codes
from tiers.errors import Fault

NEWEST_TRIED = 18
OLDEST = {"federated": 17, "standalone": 14}
FEW_FREE = 5  # a gateway worker, its lock, a migration's two copiers and a person with psql
LITTLE_DISK = 1 << 30  # bytes; also below a twentieth of the file system


@dataclass(frozen=True)
class PostgresRights(PostgresProbe):
    name: ClassVar[str] = "postgres.rights"
    requires: ClassVar[tuple[str, ...]] = ("postgres.query",)

    def ask(self, context: Context) -> Finding:
        facts = facts_of(context)
        if not facts.may_use_public:
            grant = f"GRANT USAGE ON SCHEMA public TO {identifier(facts.role)}"
            return failed(
                tiers_codes.PG_PRIVILEGE,
                f"Role {facts.role} may not use the schema public of {facts.database}.",
                "Give the right, as the owner of the database or a superuser.",
                self.at.psql(grant),
            )
        if not facts.may_create:
            grant = f"GRANT CREATE ON DATABASE {identifier(facts.database)} TO {identifier(facts.role)}"
            return warned(
                codes.PG_NO_CREATE,
                f"Role {facts.role} may not create schemas in {facts.database}: no migration can come in here.",
                "Give the right, as the owner of the database or a superuser.",
                self.at.psql(grant),
            )
        return passed(f"Role {facts.role} has the rights that gateway and migration need.")


@dataclass(frozen=True)
class PostgresVersion(PostgresProbe):
    name: ClassVar[str] = "postgres.version"
    requires: ClassVar[tuple[str, ...]] = ("postgres.query",)
    tier: str = "federated"

    def ask(self, context: Context) -> Finding:
        return judge_version(facts_of(context), self.tier, self.at)


def judge_version(facts: PostgresFacts, tier: str, at: Address) -> Finding:
    """Hold the server's major version against the tier's range."""
    oldest = OLDEST.get(tier, OLDEST["standalone"])
    found = (("Found", facts.version), ("Expected", f"PostgreSQL {oldest} to {NEWEST_TRIED}"))
    if facts.major < oldest:
        return failed(
            codes.PG_TOO_OLD,
            f"PostgreSQL {facts.version} is too old for the {tier} tier: it needs {oldest} or newer.",
            f"Move the database to PostgreSQL {oldest} (pg_upgrade, or dump and restore), or point storage.url at one.",
            at.psql("SHOW server_version", user=at.user or "postgres"),
            *found,
        )
    if facts.major > NEWEST_TRIED:
        return warned(
            codes.PG_UNTRIED,
            f"PostgreSQL {facts.version} is newer than {NEWEST_TRIED}, the newest one tried.",
            "Rehearse a migration before you rely on it, or update Mosaic Admin.",
            "mosaic --version",
            *found,
        )
    return passed(f"PostgreSQL {facts.version}.", *found)


@dataclass(frozen=True)
class PostgresWritable(PostgresProbe):
    name: ClassVar[str] = "postgres.writable"
    requires: ClassVar[tuple[str, ...]] = ("postgres.query",)

    def ask(self, context: Context) -> Finding:
        facts = facts_of(context)
        if facts.is_standby or facts.is_read_only:
            raise Fault.READ_ONLY.build("PostgreSQL", display_url(self.url))
        return passed("The server takes writes.")


@dataclass(frozen=True)
class PostgresDirect(PostgresProbe):
    """A pooler answers the sign-in with a process number of its own making: it is not the backend's."""

    name: ClassVar[str] = "postgres.direct"
    requires: ClassVar[tuple[str, ...]] = ("postgres.query",)

    def ask(self, context: Context) -> Finding:
        said, found = connection_of(context).info.backend_pid, facts_of(context).backend_pid
        if said == found:
            return passed("No pooler stands in between.")
        return failed(
            codes.PG_POOLER,
            f"A connection pooler answers at {display_url(self.url)}.",
            "Put PostgreSQL's own port into storage.url: the pooler's host usually reaches it on 5432.",
            "mosaic config show",
            ("Process at sign-in", str(said)),
            ("Process of the query", str(found)),
        )


@dataclass(frozen=True)
class PostgresHeadroom(PostgresProbe):
    name: ClassVar[str] = "postgres.connections"
    requires: ClassVar[tuple[str, ...]] = ("postgres.query",)

    def ask(self, context: Context) -> Finding:
        facts = facts_of(context)
        free = facts.max_connections - facts.reserved - facts.in_use
        counted = ("Connections", f"{facts.in_use} of {facts.max_connections}, {facts.reserved} reserved")
        if free < FEW_FREE:
            return warned(
                codes.PG_HEADROOM,
                f"Only {max(0, free)} connections are free of {facts.max_connections}.",
                "Close sessions that are not needed, or raise max_connections and restart PostgreSQL.",
                self.at.psql("SELECT application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3"),
                counted,
            )
        return passed(f"{free} connections are free.", counted)


@dataclass(frozen=True)
class PostgresEncoding(PostgresProbe):
    name: ClassVar[str] = "postgres.encoding"
    requires: ClassVar[tuple[str, ...]] = ("postgres.query",)

    def ask(self, context: Context) -> Finding:
        facts = facts_of(context)
        if facts.encoding == "UTF8":
            return passed("The database is in UTF-8.")
        return failed(
            codes.PG_ENCODING,
            f"The database {facts.database} is in {facts.encoding}, not in UTF-8.",
            "Make a new database in UTF-8 and put its name into storage.url; an encoding can't be changed.",
            f"{self.at.createdb()} -E UTF8 -T template0 mosaic_utf8",
        )


@dataclass(frozen=True)
class PostgresDisk(PostgresProbe):
    """Look at the file system where it is this machine's, and where the role may know the directory."""

    name: ClassVar[str] = "postgres.disk"
    requires: ClassVar[tuple[str, ...]] = ("postgres.query",)

    def ask(self, context: Context) -> Finding:
        directory = facts_of(context).data_directory
        if not directory or not _is_here(self.at.host):
            return skipped("The server's free disk cannot be seen from here.")
        try:
            usage = shutil.disk_usage(_visible_parent(Path(directory)))
        except OSError:
            return skipped("The server's free disk cannot be seen by this user.")
        return judge_disk(usage.free, usage.total, directory)


def judge_disk(free: int, total: int, directory: str) -> Finding:
    """Hold the free bytes against the least that lets PostgreSQL and a migration breathe."""
    seen = ("Free", f"{free / 1e9:.1f} GB of {total / 1e9:.1f} GB")
    if free < max(LITTLE_DISK, total // 20):
        return warned(
            codes.PG_DISK,
            f"Only {free / 1e9:.1f} GB are free where PostgreSQL keeps its data.",
            "Free disk there, or give the file system more room.",
            f"df -h {directory}",
            seen,
        )
    return passed(f"{free / 1e9:.1f} GB are free where PostgreSQL keeps its data.", seen)


def _is_here(host: str) -> bool:
    return host in ("", "localhost", "127.0.0.1", "::1") or host.startswith("/")


def _visible_parent(directory: Path) -> Path:
    """Return the nearest ancestor this user can see; PGDATA itself is 0700. Same file system in all usual set-ups."""
    for candidate in (directory, *directory.parents):
        try:
            candidate.stat()
        except OSError:
            continue
        return candidate
    return Path("/")


def postgres_probes(url: str, *, tier: str) -> list[BaseProbe]:
    """Return the whole ladder for one URL."""
    return [
        *postgres_ladder(url),
        PostgresRights(url),
        PostgresVersion(url, tier),
        PostgresWritable(url),
        PostgresDirect(url),
        PostgresHeadroom(url),
        PostgresEncoding(url),
        PostgresDisk(url),
    ]
