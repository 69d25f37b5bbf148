"""Carried tables and columns: DDL for the target, written from the source's catalog (DESIGN §5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from migration.engine.catalog import ForeignKey, Index, SourceColumn, SourceTable, literal, quote
from migration.engine.model import Action, TablePlan
from migration.engine.names import target_column

Enums = Mapping[str, tuple[str, ...]]


def with_ddl(plan: TablePlan, table: SourceTable, plans: Mapping[str, TablePlan], enums: Enums) -> TablePlan:
    """Return the plan of a table with the statements that its target needs; `plans` are all plans by source table."""
    if plan.action is Action.MIGRATE:
        return replace(plan, ddl=_added_columns(plan, table, enums))
    keys, unkept = _foreign_keys(plan, table, plans)
    definitions = [*((i.name, i.definition) for i in table.indexes), *table.checks]
    unkept += [
        f"{name}, which uses a column that stays behind" for name, t in definitions if not _is_kept_whole(plan, t)
    ]
    notes = [f"not carried: {what}" for what in (*table.not_carried, *unkept)]
    return replace(
        plan,
        ddl=(*_types(plan, table, enums), *_create_table(plan, table)),
        late_ddl=(*_indexes(plan, table), *keys),
        sequences=tuple((c.sequence, c.sequence) for c in table.columns if c.sequence and _is_kept(plan, c.name)),
        notes=(*plan.notes, *notes),
    )


def _is_kept(plan: TablePlan, source: str) -> bool:
    return any(column.source == source and not column.cast for column in plan.columns)


def _types(plan: TablePlan, table: SourceTable, enums: Enums) -> list[str]:
    kept = {column.source for column in plan.columns}
    used = sorted({c.base.removeprefix("_") for c in table.columns if c.name in kept} & enums.keys())
    return [f"CREATE TYPE {quote(name)} AS ENUM ({', '.join(map(literal, enums[name]))})" for name in used]


def _added_columns(plan: TablePlan, table: SourceTable, enums: Enums) -> tuple[str, ...]:
    """Columns that the store doesn't have: added nullable, since rows written later will not know them."""
    extra = [c for c in plan.columns if target_column(plan.name, c.source) is None and c.target != "origin_id"]
    if not extra:
        return ()
    types = _types(replace(plan, columns=tuple(extra)), table, enums)
    adds = ", ".join(f"ADD COLUMN IF NOT EXISTS {quote(c.target)} {c.target_type}" for c in extra)
    return (*types, f"ALTER TABLE public.{quote(plan.name)} {adds}")


def _create_table(plan: TablePlan, table: SourceTable) -> list[str]:
    columns = [_column(plan, table, column.source) for column in plan.columns]
    kept = {column.source for column in plan.columns}
    parts = [*columns, *(_generated(column) for column in _computed(plan, table))]
    if table.primary_key and kept.issuperset(table.primary_key):
        parts.append(f"PRIMARY KEY ({', '.join(map(quote, table.primary_key))})")
    parts += [f"CONSTRAINT {quote(name)} {text}" for name, text in table.checks if _is_kept_whole(plan, text)]
    owned = [c for c in table.columns if c.sequence and not c.identity and _is_kept(plan, c.name)]
    before = [f"CREATE SEQUENCE {c.sequence} {c.sequence_options}" for c in owned]
    after = [f"ALTER SEQUENCE {c.sequence} OWNED BY public.{quote(plan.name)}.{quote(c.name)}" for c in owned]
    return [*before, f"CREATE TABLE public.{quote(plan.name)} ({', '.join(parts)})", *after]


def _is_kept_whole(plan: TablePlan, definition: str) -> bool:
    """Say whether a definition mentions no column that stays behind; a name in a text makes it careful, not wrong."""
    return not any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", definition) for name in plan.dropped_columns)


def _computed(plan: TablePlan, table: SourceTable) -> list[SourceColumn]:
    return [c for c in table.columns if c.generated and _is_kept_whole(plan, c.default)]


def _generated(column: SourceColumn) -> str:
    how = "VIRTUAL" if column.generated == "v" else "STORED"
    return f"{quote(column.name)} {column.type} GENERATED ALWAYS AS ({column.default}) {how}"


def _column(plan: TablePlan, table: SourceTable, name: str) -> str:
    column = table.column(name)
    planned = next(c for c in plan.columns if c.source == name)
    words = [quote(name), planned.target_type]
    if column.is_not_null:
        words.append("NOT NULL")
    if column.identity:
        how = "ALWAYS" if column.identity == "a" else "BY DEFAULT"
        words.append(f"GENERATED {how} AS IDENTITY (SEQUENCE NAME {column.sequence} {_steps(column)})")
    elif column.default and not planned.cast:
        words.append(f"DEFAULT {column.default}")
    return " ".join(words)


def _steps(column: SourceColumn) -> str:
    """An identity's sequence takes its type from the column, and refuses to be told."""
    return column.sequence_options.split(" ", 2)[2] if column.sequence_options else ""


def _indexes(plan: TablePlan, table: SourceTable) -> list[tuple[str, str, str]]:
    carried = [index for index in table.indexes if not index.is_primary and _is_kept_whole(plan, index.definition)]
    made = [_index(plan, table, index) for index in carried]
    return [item for item in made if item is not None]


def _index(plan: TablePlan, table: SourceTable, index: Index) -> tuple[str, str, str] | None:
    if not index.is_constraint:
        definition = index.definition.replace(" ON ONLY ", " ON ", 1) if plan.is_partitioned else index.definition
        return "index", index.name, definition
    listed = "(" + index.definition.split("(", 1)[1]
    alter = f"ALTER TABLE public.{quote(plan.name)} ADD CONSTRAINT {quote(index.name)}"
    return ("unique", index.name, f"{alter} UNIQUE {listed}") if index.is_unique else None


def _listed(columns: Iterable[str]) -> str:
    return f"({', '.join(map(quote, columns))})"


def _foreign_keys(
    plan: TablePlan, table: SourceTable, plans: Mapping[str, TablePlan]
) -> tuple[list[tuple[str, str, str]], list[str]]:
    made, unkept = [], []
    for key in table.foreign_keys:
        statement = _foreign_key(plan, key, plans.get(key.target))
        if statement is None:
            unkept.append(f"foreign key {key.name} to {key.target}, which stays behind")
        else:
            made.append(("foreign_key", key.name, statement))
    return made, unkept


def _foreign_key(plan: TablePlan, key: ForeignKey, target: TablePlan | None) -> str | None:
    if target is None or not target.action.copies:
        return None
    there = {column.source: column.target for column in target.columns if column.target != "origin_id"}
    here = {column.source: column.target for column in plan.columns}
    if not (here.keys() >= set(key.columns) and there.keys() >= set(key.target_columns)):
        return None
    columns, referenced = [here[name] for name in key.columns], [there[name] for name in key.target_columns]
    alter = f"ALTER TABLE public.{quote(plan.name)} ADD CONSTRAINT {quote(key.name)} FOREIGN KEY {_listed(columns)}"
    return f"{alter} REFERENCES public.{quote(target.name)} {_listed(referenced)}{key.tail}"
