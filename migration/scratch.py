"""The scratch database of a rehearsal: made on the target's server from the empty target, and always dropped again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit
from uuid import UUID

import psycopg
from psycopg import errors, sql

from migration.job_errors import NoScratchError
from mosaic_admin.errors import MosaicError
from tiers.config import PostgresStorage
from tiers.postgres import connect, driver_errors

PREFIX = "mosaic_rehearsal_"
BUSY_S = 5.0  # a doctor's probe or a page looks into the target for a moment, and a template must have no sessions
MAINTENANCE = ("postgres", "template1")

Connection = psycopg.Connection[Any]


def scratch_name(run_id: UUID) -> str:
    return f"{PREFIX}{run_id.hex}"


def in_scratch(storage: PostgresStorage, name: str) -> PostgresStorage:
    """Return the same server and role with another database."""
    parts = urlsplit(storage.url)
    if "dbname" in parse_qs(parts.query):  # it would win over the path, and a rehearsal would write into the target
        raise ValueError("an address that names its database twice")
    return replace(storage, url=urlunsplit(parts._replace(path=f"/{name}")))


def make_scratch(target: PostgresStorage, name: str) -> None:
    """Make the database anew. It is copied from the empty target, so that its extensions are there as well.

    Raises:
        NoScratchError: the role may not create databases.
    """
    with driver_errors(target.display), _maintenance(target) as connection:
        _drop(connection, name)
        try:
            _create(connection, name, unquote(urlsplit(target.url).path.lstrip("/")))
        except errors.InsufficientPrivilege:
            raise NoScratchError(
                "The role may not create a scratch database on the target's server.",
                remediation=f"As a superuser there: ALTER ROLE {urlsplit(target.url).username} CREATEDB; then rehearse "
                "again. The migration itself does not need it.",
            ) from None


def _maintenance(storage: PostgresStorage) -> Connection:
    for name in MAINTENANCE[:-1]:
        try:
            return connect(in_scratch(storage, name).url, application_name="mosaic rehearsal")
        except MosaicError:
            continue
    return connect(in_scratch(storage, MAINTENANCE[-1]).url, application_name="mosaic rehearsal")


def _create(connection: Connection, name: str, template: str) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        except (errors.ObjectInUse, errors.InsufficientPrivilege) as exc:
            if isinstance(exc, errors.ObjectInUse) and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            plain = sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0")  # the plan says what is missing
            connection.execute(plain.format(sql.Identifier(name)))
        return


def drop_scratch(target: PostgresStorage, name: str) -> None:
    """Drop the database and end whoever is in it; fine when it is gone. Only ever a name that a rehearsal made."""
    with driver_errors(target.display), _maintenance(target) as connection:
        _drop(connection, name)


def _drop(connection: Connection, name: str) -> None:
    if not name.startswith(PREFIX):
        raise ValueError(f"{name!r} is no scratch database of a rehearsal")
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
