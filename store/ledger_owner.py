"""Whose schema the ledger lies in: its owner can replace any table of it, whatever rights the tables have."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import scalar_row

from mosaic_admin.errors import MosaicError
from store import codes
from store.ledger_ddl import SCHEMA

# The owner of the database and superusers could do as much without owning anything. A superuser counts as a member of
# every role, so only a membership that somebody granted counts there. Managed services make a group role the owner.
_FOREIGN_SQL = """
SELECT o.rolname
  FROM (SELECT nspowner AS owner FROM pg_catalog.pg_namespace WHERE nspname = %(schema)s
        UNION SELECT c.relowner FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = %(schema)s) found
  JOIN pg_catalog.pg_roles o ON o.oid = found.owner
 CROSS JOIN (SELECT oid, rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) me
 CROSS JOIN (SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database()) this
 WHERE NOT (o.rolsuper OR o.oid = me.oid OR o.oid = this.datdba OR o.rolname = 'pg_database_owner'
            OR (NOT me.rolsuper AND pg_catalog.pg_has_role(o.oid, 'MEMBER'))
            OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.roleid = o.oid AND m.member = me.oid))
 ORDER BY 1 LIMIT 1
"""


class LedgerOwnerError(MosaicError):
    """Somebody else owns the ledger's schema, or a table in it."""

    code = codes.LEDGER_OWNER


def foreign_owner(connection: psycopg.Connection[Any]) -> str:
    """Return the role that owns the ledger's schema, or something in it, and is not ours to trust; "" for none."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return str(cursor.execute(_FOREIGN_SQL, {"schema": SCHEMA}).fetchone() or "")


def owner_words(owner: str, database: str) -> tuple[str, str]:
    """Return what is wrong and what to do about it."""
    return (
        f"The schema {SCHEMA} in the target, where the ledger lies, belongs to the role {owner}.",
        f"If a migration of yours ran as {owner}, use that role in storage.url, or make yours a member of it. "
        f"Otherwise ask who made it; then, as a superuser in database {database}: DROP SCHEMA {SCHEMA} CASCADE;",
    )


def refuse_foreign_owner(connection: psycopg.Connection[Any]) -> None:
    """Raise LedgerOwnerError where `foreign_owner` finds one."""
    owner = foreign_owner(connection)
    if owner:
        message, remediation = owner_words(owner, connection.info.dbname)
        raise LedgerOwnerError(message, remediation=remediation, owner=owner)
