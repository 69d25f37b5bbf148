"""The extension `vector` in a store's database, on the federated tier."""

from __future__ import annotations

from typing import Any

import psycopg

from mosaic_admin.errors import MosaicError
from store import codes
from tiers.errors import Fault
from tiers.postgres import classify, translate


class NoVectorError(MosaicError):
    """The extension could not be created in the store's database."""

    code = codes.NO_VECTOR


def create_vector(connection: psycopg.Connection[Any], display: str) -> None:
    """Enable pgvector; where it is enabled already nothing happens.

    Raises: NoVectorError; the ServiceError of a server that went away.
    """
    try:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except psycopg.Error as exc:
        if classify(exc) not in (Fault.OTHER, Fault.PRIVILEGE):
            raise translate(exc, display) from None
        raise _no_vector(exc.sqlstate or "", display) from None


def _no_vector(state: str, display: str) -> NoVectorError:
    if state == "42501":
        return NoVectorError(
            f"The role may not create the extension vector in {display}.",
            remediation="Let a superuser run `CREATE EXTENSION vector` in that database once, then try again.",
            sqlstate=state,
        )
    return NoVectorError(
        f"The server of {display} cannot load the extension vector.",
        remediation="Install pgvector on the server (Debian: `apt-get install postgresql-17-pgvector`; image: "
        "pgvector/pgvector:pg17), then try again.",
        sqlstate=state,
    )
