"""What is measured on one end before anything is planned: versions, sizes, sessions, rights, head-room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from migration.engine.catalog import Connection
from migration.engine.connections import display
from migration.engine.model import Endpoint, EndpointFacts
from store.ledger_owner import foreign_owner


@dataclass(frozen=True)
class Situation:
    """The end's facts and what holds only at this moment."""

    facts: EndpointFacts
    version_num: int
    is_pooled: bool
    is_superuser: bool
    can_create: bool
    vector_available: str  # "" when the server's files have no pgvector
    vector_works: bool  # False when its library is there and cannot be loaded
    free_connections: int
    other_sessions: tuple[str, ...]
    data_directory: str  # "" when this role may not know it
    ledger_owner: str  # somebody else who owns the ledger's schema, "" when nobody does


_FACTS = """
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS version_num,
           current_database() AS database,
           pg_catalog.pg_current_snapshot()::text AS snapshot,
           pg_catalog.pg_database_size(current_database()) AS size_bytes,
           pg_catalog.pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collation,
           pg_catalog.pg_backend_pid() AS pid,
           (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS is_superuser,
           pg_catalog.has_database_privilege(current_database(), 'CREATE') AND
             pg_catalog.has_schema_privilege('public', 'CREATE') AS can_create,
           coalesce((SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vector'), '') AS pgvector,
           coalesce((SELECT quote_ident(n.nspname::text) FROM pg_catalog.pg_extension e
             JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'), '') AS vector_schema,
           coalesce((SELECT default_version FROM pg_catalog.pg_available_extensions WHERE name = 'vector'), '')
             AS vector_available,
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
             - (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')::int AS free
      FROM pg_catalog.pg_database d WHERE d.datname = current_database()"""
# Sessions of ours are named "mosaic …"; gateways and migrations are found by their lock instead.
_SESSIONS = r"""
    SELECT coalesce(nullif(application_name, ''), 'a session without a name') || ' (pid ' || pid || ')' AS name
      FROM pg_catalog.pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()
       AND coalesce(application_name, '') !~ '^mosaic[- ]' ORDER BY pid"""


def measure(connection: Connection, endpoint: Endpoint) -> Situation:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_FACTS).fetchone() or {}
        sessions = [found["name"] for found in cursor.execute(_SESSIONS).fetchall()]
    return Situation(
        facts=_facts(row, endpoint, system_identifier(connection)),
        version_num=row["version_num"],
        is_pooled=row["pid"] != connection.info.backend_pid,
        is_superuser=row["is_superuser"],
        can_create=row["can_create"],
        vector_available=row["vector_available"],
        vector_works=_vector_works(connection, row),
        free_connections=row["free"],
        other_sessions=tuple(sessions),
        data_directory=_data_directory(connection, row["is_superuser"]),
        ledger_owner=foreign_owner(connection),
    )


def _vector_works(connection: Connection, row: dict[str, Any]) -> bool:
    """Say whether the server can load pgvector's library: the catalog does not tell. True when that can't be seen."""
    if not row["pgvector"] and not (row["vector_available"] and row["is_superuser"]):
        return True
    try:
        with connection.transaction():
            cast = f"SELECT '[1]'::{row['vector_schema']}.vector"
            connection.execute(cast if row["pgvector"] else "LOAD 'vector'")
    except psycopg.errors.UndefinedFile:
        return False
    return True


def system_identifier(connection: Connection) -> str:
    row = connection.execute("SELECT system_identifier::text FROM pg_catalog.pg_control_system()").fetchone()
    return str(row[0]) if row else ""


def _facts(row: dict[str, Any], endpoint: Endpoint, system_id: str) -> EndpointFacts:
    return EndpointFacts(
        label=endpoint.label,
        display=display(endpoint),
        tier=str(endpoint.config.tier),
        version=row["version"],
        system_id=system_id,
        database=row["database"],
        size_bytes=row["size_bytes"],
        encoding=row["encoding"],
        collation=row["collation"],
        pgvector=row["pgvector"],
        snapshot=row["snapshot"],
    )


def _data_directory(connection: Connection, is_superuser: bool) -> str:
    """Return the data directory of a server on this machine; the same path elsewhere would measure the wrong disk."""
    host = connection.info.host
    if not is_superuser or not (host.startswith("/") or host in ("127.0.0.1", "::1", "localhost")):
        return ""
    row = connection.execute("SELECT current_setting('data_directory')").fetchone()
    return str(row[0]) if row else ""
