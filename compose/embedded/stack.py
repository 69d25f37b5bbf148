"""The embedded runtime: the stack's services as processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import LiteralString

import psycopg
from psycopg import sql

from compose.embedded.postgres import EmbeddedPostgres
from compose.embedded.server import EmbeddedServer
from compose.logs import tail_of
from compose.rotation import Rotation
from compose.runtime import LogLine, Say, StackStatus, Volume, nothing_runs


class EmbeddedStack:
    """A `Runtime` over embedded servers, in start order; `prepare` runs when all of them accept connections."""

    name = "embedded"

    def __init__(
        self,
        servers: Sequence[EmbeddedServer],
        *,
        prepare: Callable[[], None] = lambda: None,
        rotation: Rotation | None = None,
    ) -> None:
        self.servers = tuple(servers)
        self.rotation = rotation
        self._prepare = prepare

    def up(self, say: Say) -> None:
        for server in self.servers:
            adopted = server.start()
            say(f"{server.name} on port {server.port}{' (was running already)' if adopted else ''}")
        self._prepare()

    def down(self, say: Say) -> None:
        for server in reversed(self.servers):
            was_there = server.is_running()
            server.stop()
            say(f"{server.name} {'stopped' if was_there else 'did not run'}; its data stays in {server.data_dir}")

    def restart(self, service: str | None, say: Say) -> None:
        if not self.status().is_up:
            raise nothing_runs("there is nothing to restart")
        for server in self.servers:
            if service in (None, server.name):
                server.stop()
                say(f"{server.name} stopped")
        self.up(say)

    def rotate(self, say: Say) -> None:
        if self.rotation is None or not all(server.is_running() for server in self.servers):
            raise nothing_runs("there is no server to give new passwords to")
        self.rotation.run(say)

    def status(self) -> StackStatus:
        services = tuple(server.status() for server in self.servers)
        made = [server for server in self.servers if server.data_dir.exists()]
        volumes = tuple(Volume(str(server.data_dir), (server.name,), server.made_at()) for server in made)
        return StackStatus("Processes of this host", services, volumes)

    def logs(self, service: str, *, tail: int) -> list[LogLine]:
        return tail_of(self._server(service).log, tail)

    def config(self) -> str:
        """Return what would run, in the shape of a compose file; passwords stand in files, never on command lines."""
        lines = ["services:"]
        for server in self.servers:
            words = ", ".join(str(word) for word in server.command())
            lines += [f"  {server.name}:", f"    image: {server.release()}", f"    command: [{words}]"]
            lines += [f'    ports: ["127.0.0.1:{server.port}"]', f"    volumes: [{server.data_dir}]"]
        return "\n".join(lines) + "\n"

    def _server(self, name: str) -> EmbeddedServer:
        return next(server for server in self.servers if server.name == name)


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
