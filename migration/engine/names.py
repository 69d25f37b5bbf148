"""Names: an explicit map for what is known, and a generic rule that only proposes (DESIGN §5 "Names")."""

from __future__ import annotations

import re

from migration.engine.canonical import TABLES

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*(?=[A-Z]|_|$)|[A-Z]+|[a-z0-9]+|[0-9]+")


def snake(name: str) -> str:
    """Propose a snake_case name: teamId → team_id, ownerID → owner_id, URLPath → url_path, oauth2Token → …_token."""
    words = [word for part in name.split("_") for word in _WORD.findall(part)]
    return "_".join(words).lower() if words else name.lower()


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def _spellings(name: str) -> set[str]:
    """The spellings of one canonical name that existing installs have: snake, camel, Pascal, and ID in capitals."""
    plain = {name, camel(name), camel(name)[:1].upper() + camel(name)[1:]}
    return plain | {re.sub(r"Id$", "ID", spelling) for spelling in plain}


TABLE_NAMES = {spelling: table for table in TABLES for spelling in _spellings(table)}
COLUMN_NAMES = {
    table: {spelling: column for column in columns for spelling in _spellings(column)}
    for table, columns in TABLES.items()
}
# What other installs call the same thing; the type and meaning are equal.
_SYNONYMS = {
    "users": {"name": "display_name", "active": "is_active"},
    "messages": {"sender_id": "author_id", "senderId": "author_id"},
}
for _table, _names in _SYNONYMS.items():
    COLUMN_NAMES[_table] = _names | COLUMN_NAMES[_table]


def target_table(source: str) -> str | None:
    """Return the store's table that the source's table is, None when it is none of ours."""
    return TABLE_NAMES.get(source)


def target_column(table: str, source: str) -> str | None:
    """Return the store's column of `table` that the source's column is, None when the store has no such column."""
    return COLUMN_NAMES[table].get(source)
