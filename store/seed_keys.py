"""Load first, check afterwards: a foreign key checked for all rows at once costs a tenth of one checked row by row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]

_FOREIGN_KEYS = """
SELECT r.relname, c.conname, pg_get_constraintdef(c.oid) FROM pg_catalog.pg_constraint c
  JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
 WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace ORDER BY c.oid
"""
# primary and unique keys stay: the data must obey them while it comes in
_INDEXES = """
SELECT i.relname, pg_get_indexdef(i.oid) FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
 WHERE i.relnamespace = 'public'::regnamespace AND NOT x.indisunique ORDER BY i.oid
"""


@contextmanager
def keys_deferred(connection: Connection) -> Iterator[None]:
    """Drop the foreign keys and secondary indexes of `public`; make the same ones again at the end.

    Use inside a transaction: whatever fails takes the dropping back.
    """
    keys = connection.execute(_FOREIGN_KEYS).fetchall()
    indexes = connection.execute(_INDEXES).fetchall()
    for table, name, _ in keys:
        drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
        connection.execute(drop.format(sql.Identifier("public", table), sql.Identifier(name)))
    for name, _ in indexes:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier("public", name)))
    yield
    for _, definition in indexes:
        connection.execute(definition.encode())
    for table, name, definition in keys:
        add = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} ").format(sql.Identifier("public", table), sql.Identifier(name))
        connection.execute(add + sql.SQL(definition))
