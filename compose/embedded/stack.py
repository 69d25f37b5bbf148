"""The embedded runtime: the stack's services as processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import LiteralString

import psycopg
from psycopg import sql

from compose.embedded.postgres import EmbeddedPostgres
from compose.embedded.server import EmbeddedServer
from compose.runtime import ServiceStatus


class EmbeddedStack:
    """A `Runtime` over embedded servers, in start order."""

    name = "embedded"

    def __init__(self, servers: Sequence[EmbeddedServer], *, say: Callable[[str], None] = lambda _: None) -> None:
        self.servers = tuple(servers)
        self._say = say

    def up(self) -> list[ServiceStatus]:
        for server in self.servers:
            adopted = server.start()
            self._say(f"{server.name} on port {server.port}{' (was running already)' if adopted else ''}")
        return self.status()

    def down(self) -> list[ServiceStatus]:
        for server in reversed(self.servers):
            server.stop()
        return self.status()

    def status(self) -> list[ServiceStatus]:
        return [server.status() for server in self.servers]


def ensure_database(server: EmbeddedPostgres, *, role: str, password: str, extensions: Sequence[str] = ()) -> None:
    """Make a role that is no superuser, its database of the same name, and extensions in it. Idempotent.

    pgvector is not a trusted extension: only a superuser can enable it, so it happens here, once, the way the
    compose stack's `pg-init` does it.
    """
    name = sql.Identifier(role)
    with psycopg.connect(server.url, autocommit=True) as admin:
        if not _exists(admin, "SELECT FROM pg_roles WHERE rolname = %s", role):
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(name))
        with psycopg.ClientCursor(admin) as cursor:  # ALTER ROLE takes no server-side parameters
            cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(password)))
        if not _exists(admin, "SELECT FROM pg_database WHERE datname = %s", role):
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
    with psycopg.connect(server.url_for(role), autocommit=True) as admin:
        for extension in extensions:
            admin.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))


def drop_database(server: EmbeddedPostgres, name: str) -> None:
    """Drop a database with everything in it, and end its sessions; one that is not there is fine."""
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _exists(connection: psycopg.Connection, query: LiteralString, value: str) -> bool:
    return connection.execute(query, [value]).fetchone() is not None
