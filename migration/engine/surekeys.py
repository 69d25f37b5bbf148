"""Unique keys of the target that the source's own keys already guarantee: those need not stand while rows arrive.

Any other unique key stays, since it finds a duplicate at the row that brings it, which then goes to the reject table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from migration.engine.catalog import SourceTable, quote
from migration.engine.model import ColumnPlan, SureKey

_UNIQUE = re.compile(r"(?:CREATE UNIQUE INDEX .* USING btree|PRIMARY KEY|UNIQUE) \(([^()]*)\)(?: WHERE (.*))?")
_NAME = re.compile(r'"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*')


def unique_rule(definition: str) -> SureKey | None:
    """Return the columns and the condition of a plain unique key or index; None for anything else.

    Not plain: an expression, an order or collation of its own, INCLUDE, NULLS NOT DISTINCT, DEFERRABLE.
    """
    match = _UNIQUE.fullmatch(definition)
    if match is None:
        return None
    names = match[1].split(", ")
    if not all(_NAME.fullmatch(name) for name in names):
        return None
    return SureKey(tuple(name.strip('"').replace('""', '"') for name in names), match[2] or "")


def sure_keys(table: SourceTable, columns: Iterable[ColumnPlan]) -> tuple[SureKey, ...]:
    """Return what the source keeps unique, in the target's names."""
    planned = [column for column in columns if column.target != "origin_id"]
    plain = {column.source: column.target for column in planned if _is_plain(column)}
    is_renamed = any(column.source != column.target for column in planned)
    found = []
    for definition in (*(c.definition for c in table.constraints), *(i.definition for i in table.indexes)):
        rule = unique_rule(definition)
        if rule is None or not all(name in plain for name in rule.columns) or (rule.where and is_renamed):
            continue
        found.append(SureKey(tuple(plain[name] for name in rule.columns), rule.where))
    return tuple(found)


def _is_plain(column: ColumnPlan) -> bool:
    is_varchar = column.source_type.startswith("character varying")
    return not column.cast or (is_varchar and column.cast == f"{quote(column.source)}::text")


def is_sure(definition: str, known: Iterable[SureKey]) -> bool:
    """Say whether rows that keep one of the known keys keep this one of the target as well."""
    rule = unique_rule(definition)
    return rule is not None and any(
        set(key.columns) <= set(rule.columns) and key.where in ("", rule.where) for key in known
    )
