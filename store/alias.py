"""The Django alias `store`: built while running from a checked configuration, and its schema migrations."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.core.management import call_command
from django.db import DatabaseError, connections
from psycopg.conninfo import conninfo_to_dict

from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import display_url, remember_secret
from store import codes
from store.adapters import adapter_for
from store.extension import NoVectorError
from store.fields import FLAG, has_vector
from tiers.config import PostgresStorage
from tiers.errors import Fault
from tiers.postgres import CONNECT_TIMEOUT_S, classify

__all__ = ["ALIAS", "NoVectorError", "StoreRefusedError", "configure_store_alias", "migrate_store", "store_alias"]
ALIAS = "store"


class PostgresLike(Protocol):
    """What the alias needs of a resolved storage configuration."""

    @property
    def url(self) -> str: ...

    @property
    def enable_vector(self) -> bool: ...


class StoreRefusedError(MosaicError):
    """The database took the connection and refused a statement."""

    code = codes.STORE_REFUSED


def configure_store_alias(
    storage: PostgresLike, *, application_name: str = "mosaic store", conn_max_age_s: int | None = 0, **options: Any
) -> None:
    """Define the alias `store` for this process; an alias that was there before is closed and replaced.

    `options` are libpq's connection options.
    """
    remove_store_alias()
    given = {key: value for key, value in conninfo_to_dict(storage.url).items() if value is not None}
    remember_secret(str(given.get("password", "")))
    settings = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": given.pop("dbname", ""),
        "USER": given.pop("user", ""),
        "PASSWORD": given.pop("password", ""),
        "HOST": given.pop("host", ""),
        "PORT": str(given.pop("port", "")),
        "CONN_MAX_AGE": conn_max_age_s,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "application_name": application_name,
            "connect_timeout": int(CONNECT_TIMEOUT_S),
            **given,
            **options,
        },
        FLAG: {
            "enable_vector": storage.enable_vector,
            "display": display_url(storage.url),
            "storage": PostgresStorage(storage.url, storage.enable_vector),
        },
    }
    complete = connections.configure_settings({"default": {}, ALIAS: settings})
    connections.databases[ALIAS] = complete[ALIAS]


def remove_store_alias() -> None:
    """Close this thread's connection and forget the alias; fine when there is none."""
    if ALIAS in connections.databases:
        connections[ALIAS].close()
        del connections[ALIAS]
        del connections.databases[ALIAS]


@contextmanager
def store_alias(storage: PostgresLike, **options: Any) -> Iterator[None]:
    """Have the alias for the length of a block: the prepare phase of a migration, a command."""
    configure_store_alias(storage, **options)
    try:
        yield
    finally:
        remove_store_alias()


def migrate_store() -> None:
    """Bring the store's schema up to date: the extension first where vectors are on, then the tables. Idempotent.

    Raises:
        NoVectorError: the extension is missing and could not be created.
        StoreRefusedError: the database refused something else.
    """
    connection = connections[ALIAS]
    if has_vector(connection):
        adapter_for(connections.databases[ALIAS][FLAG]["storage"]).enable_vector()
    try:
        call_command("migrate", "store", database=ALIAS, verbosity=0, interactive=False, stdout=io.StringIO())
    except DatabaseError as exc:
        raise _refused(exc) from None  # the driver's words must not reach a traceback


def _sqlstate(error: BaseException) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""


def _refused(error: BaseException) -> MosaicError:
    display = connections.databases[ALIAS][FLAG]["display"]
    fault = classify(error.__cause__ or error)
    if fault is not Fault.OTHER:  # unreachable, wrong password, no privilege …: worded once, in tiers
        return fault.build("PostgreSQL", display, timeout_s=CONNECT_TIMEOUT_S)
    state = _sqlstate(error) or "none"
    return StoreRefusedError(
        f"The store {display} refused a schema statement (SQLSTATE {state}).",
        remediation="Check that the role owns the database and may create tables in it, then try again; "
        "`mosaic doctor` names what is missing.",
        sqlstate=state,
    )
