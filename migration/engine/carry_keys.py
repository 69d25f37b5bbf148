"""Foreign keys of carried tables: which the target can have, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from migration.engine.catalog import ForeignKey, SourceTable, quote
from migration.engine.model import TablePlan

Made = list[tuple[str, str, str]]  # (kind, name, statement)
KeysOf = Callable[[TablePlan, SourceTable], list[set[str]]]  # the sets of source columns that are keys in the target


def foreign_keys(
    plan: TablePlan,
    table: SourceTable,
    tables: Mapping[str, SourceTable],
    plans: Mapping[str, TablePlan],
    keys_of: KeysOf,
) -> tuple[Made, list[str]]:
    """Return the foreign keys that a carried table gets in the target, and a sentence for each that it does not."""
    made: Made = []
    unkept = []
    for key in table.foreign_keys:
        why = _why_not(plan, key, tables, plans, keys_of)
        if why:
            unkept.append(f"foreign key {key.name} to {key.target}{why}")
        else:
            made.append(("foreign_key", key.name, _statement(plan, key, plans[key.target])))
    return made, unkept


def _why_not(
    plan: TablePlan,
    key: ForeignKey,
    tables: Mapping[str, SourceTable],
    plans: Mapping[str, TablePlan],
    keys_of: KeysOf,
) -> str:
    target = plans.get(key.target)
    if target is None or not target.action.copies:
        return ", which stays behind"
    if key.has_period:
        return ": a key over a PERIOD exists from PostgreSQL 18 on"
    if not key.is_enforced:
        return ": it is NOT ENFORCED"
    here, there = _columns(plan), _columns(target)
    if not (here.keys() >= set(key.columns) and there.keys() >= set(key.target_columns)):
        return ": one of its columns stays behind"
    types = [(here[a][1], there[b][1]) for a, b in zip(key.columns, key.target_columns, strict=True)]
    if any((a == "uuid") != (b == "uuid") for a, b in types):
        return ": its columns have other types in the target"
    if set(key.target_columns) not in keys_of(target, tables[key.target]):
        return f": {target.name} has no unique key of these columns in the target"
    return ""


def _columns(plan: TablePlan) -> dict[str, tuple[str, str]]:
    """Source column → (name, type) in the target."""
    return {c.source: (c.target, c.target_type) for c in plan.columns if c.target not in ("origin_id", "embedding_dim")}


def _statement(plan: TablePlan, key: ForeignKey, target: TablePlan) -> str:
    here, there = _columns(plan), _columns(target)
    columns, referenced = [here[name][0] for name in key.columns], [there[name][0] for name in key.target_columns]
    sets = f" {_listed(here[name][0] for name in key.set_columns)}" if key.set_columns else ""
    return (
        f"ALTER TABLE public.{quote(plan.name)} ADD CONSTRAINT {quote(key.name)} FOREIGN KEY {_listed(columns)} "
        f"REFERENCES public.{quote(target.name)} {_listed(referenced)}{key.actions}{sets}{key.deferring}"
        f"{'' if key.is_valid else ' NOT VALID'}"
    )


def _listed(columns: Iterable[str]) -> str:
    return f"({', '.join(map(quote, columns))})"
