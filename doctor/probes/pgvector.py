"""pgvector on the server and in this database, told apart: missing, broken, not enabled, not permitted, out of range.

Measured on real servers: 42704 (no such type) is the same in every bad case and says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from doctor import codes
from doctor.findings import Finding, failed, passed, unsure, warned
from doctor.probe import Context
from doctor.probes.commands import Address, identifier
from doctor.probes.postgres import PostgresProbe, connection_of, facts_of

SERVICE = "pgvector"
OLDEST = (0, 7, 0)  # the first with halfvec indexes, which dimensions above 2,000 need
BELOW = (0, 9, 0)  # the first release line that was not tried


@dataclass(frozen=True)
class VectorFacts:
    """What the catalogs say: `available` on the server, `installed` in this database (and in which schema)."""

    available: str | None
    installed: str | None
    schema: str | None
    is_trusted: bool


_FACTS = """
SELECT (SELECT default_version FROM pg_catalog.pg_available_extensions WHERE name = 'vector') AS available,
       (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vector') AS installed,
       (SELECT n.nspname::text FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
         WHERE e.extname = 'vector') AS schema,
       coalesce((SELECT bool_or(trusted) FROM pg_catalog.pg_available_extension_versions WHERE name = 'vector'), false)
         AS is_trusted
"""


@dataclass(frozen=True)
class VectorProbe(PostgresProbe):
    """A probe of pgvector, on PostgreSQL's ladder and connection."""

    service: ClassVar[str] = SERVICE


def vector_facts_of(context: Context) -> VectorFacts:
    return context.get("vector-facts", VectorFacts)


@dataclass(frozen=True)
class VectorLibrary(VectorProbe):
    name: ClassVar[str] = "pgvector.library"
    requires: ClassVar[tuple[str, ...]] = ("postgres.query",)

    def ask(self, context: Context) -> Finding:
        with connection_of(context).cursor(row_factory=class_row(VectorFacts)) as cursor:
            facts = cursor.execute(_FACTS).fetchone()
        context.keep("vector-facts", facts, close=lambda: None, abort=lambda: None)
        known = vector_facts_of(context)
        context.learn(SERVICE, version=known.installed, available=known.available, installed=known.installed)
        if known.available is not None:
            return passed(f"The pgvector library {known.available} is on the server.")
        major = facts_of(context).major
        return failed(
            codes.PGV_LIBRARY_MISSING,
            "The pgvector library is missing on the database server.",
            f"Install the package on the server, or run the image pgvector/pgvector:pg{major}. Data and volume stay.",
            f"apt-get install postgresql-{major}-pgvector",
            ("Found", "pg_available_extensions has no row vector"),
            ("Expected", "pgvector 0.7.0 or later, below 0.9"),
        )


@dataclass(frozen=True)
class VectorLoads(VectorProbe):
    """Make the server load the library: by a cast where it is enabled, by LOAD (superusers only) where it isn't."""

    name: ClassVar[str] = "pgvector.loads"
    requires: ClassVar[tuple[str, ...]] = ("pgvector.library",)

    def ask(self, context: Context) -> Finding:
        facts = vector_facts_of(context)
        if facts.installed is None and not facts_of(context).is_superuser:
            return unsure(
                codes.PGV_UNSURE,
                "Whether the server can load the pgvector library is not visible to this role.",
                "Nothing is wrong so far: enabling the extension will tell.",
                self.at.psql("LOAD 'vector'"),
            )
        try:
            connection_of(context).execute(_load_statement(facts))
        except psycopg.OperationalError as exc:
            if connection_of(context).closed:  # the server went away: not the library's fault
                raise
            return self._broken(exc, facts)
        except psycopg.Error as exc:
            return self._broken(exc, facts)
        return passed("The server loads the pgvector library.")

    def _broken(self, exc: psycopg.Error, facts: VectorFacts) -> Finding:
        return failed(
            codes.PGV_BROKEN,
            "The server cannot load its pgvector library.",
            "Install the package again for this PostgreSQL version, or put the right image back. Data and volume stay.",
            "pg_config --pkglibdir && apt-get install --reinstall 'postgresql-*-pgvector'",
            ("Enabled here", facts.installed or "no"),
            ("SQLSTATE", exc.sqlstate or "none"),
        )


def _load_statement(facts: VectorFacts) -> sql.SQL | sql.Composed:
    if facts.installed is None:
        return sql.SQL("LOAD 'vector'")
    return sql.SQL("SELECT '[1]'::{}.vector").format(sql.Identifier(facts.schema or "public"))


@dataclass(frozen=True)
class VectorEnabled(VectorProbe):
    name: ClassVar[str] = "pgvector.enabled"
    requires: ClassVar[tuple[str, ...]] = ("pgvector.library", "pgvector.loads")

    def ask(self, context: Context) -> Finding:
        facts, server = vector_facts_of(context), facts_of(context)
        if facts.installed is not None:
            return passed(f"pgvector {facts.installed} is enabled in {server.database}.")
        may_enable = server.is_superuser or (facts.is_trusted and server.may_create)
        create = "CREATE EXTENSION IF NOT EXISTS vector"
        if may_enable:
            return failed(
                codes.PGV_NOT_ENABLED,
                f"pgvector is not enabled in {server.database}.",
                "Enable it; a migration with enableVector does the same in its prepare phase.",
                self.at.psql(create, user=server.role, database=server.database),
            )
        return failed(
            codes.PGV_NOT_PERMITTED,
            f"pgvector is not enabled in {server.database}, and {server.role} may not enable it.",
            "Let a superuser enable it once in this database.",
            self.at.psql(create, database=server.database),
            ("Extension is trusted", "no"),
            ("Role is superuser", "no"),
        )


@dataclass(frozen=True)
class VectorVersion(VectorProbe):
    name: ClassVar[str] = "pgvector.version"
    requires: ClassVar[tuple[str, ...]] = ("pgvector.enabled", "pgvector.loads")

    def ask(self, context: Context) -> Finding:
        return judge_vector_version(vector_facts_of(context), self.at, facts_of(context).database)


def judge_vector_version(facts: VectorFacts, at: Address, database: str) -> Finding:
    """Hold what is enabled against the range and against the library on the server."""
    installed, available = facts.installed or "", facts.available or ""
    update = at.psql("ALTER EXTENSION vector UPDATE", database=database)
    seen = (("Enabled here", installed), ("On the server", available), ("Expected", "0.7.0 or later, below 0.9"))
    if parse(available) < parse(installed):
        return failed(
            codes.PGV_DOWNGRADED,
            f"The library on the server ({available}) is older than what {identifier(database)} uses ({installed}).",
            f"Put pgvector {installed} or newer back on the server.",
            at.psql(
                "SELECT name, default_version, installed_version FROM pg_available_extensions WHERE name = 'vector'"
            ),
            *seen,
        )
    if parse(installed) < OLDEST:
        fix = "Update the extension in this database; the server's package first, if it is as old."
        return failed(codes.PGV_TOO_OLD, f"pgvector {installed} is too old: 0.7.0 is needed.", fix, update, *seen)
    if parse(installed) >= BELOW:
        fix = "Rehearse a migration before you rely on it, or update Mosaic Admin."
        return warned(codes.PGV_UNTRIED, f"pgvector {installed} is newer than those tried.", fix, update, *seen)
    if parse(available) > parse(installed):
        fix = "Update it when nobody works: indexes stay as they are."
        text = f"pgvector {available} is on the server, this database still uses {installed}."
        return warned(codes.PGV_UPDATE, text, fix, update, *seen)
    return passed(f"pgvector {installed} is in the range.", *seen)


def parse(version: str) -> tuple[int, ...]:
    """Read "0.8.6" as (0, 8, 6); what is no number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in (version or "0").split("."))


def vector_probes(url: str) -> list[VectorProbe]:
    return [VectorLibrary(url), VectorLoads(url), VectorEnabled(url), VectorVersion(url)]
