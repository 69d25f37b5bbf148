"""Carried tables and columns: DDL for the target, written from the source's catalog (DESIGN §5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from migration.engine.carry_keys import foreign_keys
from migration.engine.catalog import Constraint, Index, SourceColumn, SourceTable, has_schema, quote
from migration.engine.model import Action, ColumnPlan, TablePlan
from migration.engine.names import target_column

PORTABLE_COLLATIONS = ("C", "POSIX", "ucs_basic")  # the others depend on how a server was built
VIRTUAL_FROM = 18  # the first PostgreSQL with virtual generated columns


def with_ddl(
    plan: TablePlan, tables: Mapping[str, SourceTable], plans: Mapping[str, TablePlan], target_major: int
) -> TablePlan:
    """Return the plan of a table with the statements that its target needs; `plans` are all plans by source table."""
    table = tables[plan.source_table]
    if plan.action is Action.MIGRATE:
        return replace(plan, ddl=_added_columns(plan, table))
    return _Carrier(plan, table, target_major).complete(tables, plans)


def _added_columns(plan: TablePlan, table: SourceTable) -> tuple[str, ...]:
    """Columns that the store doesn't have: added nullable, since rows written later will not know them."""
    extra = [c for c in plan.columns if target_column(plan.name, c.source) is None and c.target != "origin_id"]
    if not extra:
        return ()
    types = [statement for c in extra if not c.cast for statement in table.column(c.source).types]
    adds = ", ".join(f"ADD COLUMN IF NOT EXISTS {quote(c.target)} {c.target_type}" for c in extra)
    return (*dict.fromkeys(types), f"ALTER TABLE public.{quote(plan.name)} {adds}")


@dataclass(frozen=True)
class _Carrier:
    """Writes one carried table's DDL; what it leaves out it says."""

    plan: TablePlan
    table: SourceTable
    target_major: int

    def complete(self, tables: Mapping[str, SourceTable], plans: Mapping[str, TablePlan]) -> TablePlan:
        keys, unkept = foreign_keys(self.plan, self.table, tables, plans, _keys_of)
        notes = [*self.table.not_carried, *self._unkept_columns(), *self._unkept_rules(), *unkept]
        return replace(
            self.plan,
            ddl=self._statements(),
            late_ddl=(*self._late_constraints(), *self._indexes(), *keys),
            sequences=tuple((name, name) for name in self._sequences(with_identity=True)),
            computed=tuple(ColumnPlan(c.name, c.name, c.type, c.type) for c in self._computed()),
            notes=(*self.plan.notes, *(f"not carried: {what}" for what in notes)),
        )

    def _statements(self) -> tuple[str, ...]:
        kept = [column for column in self.table.columns if self._is_kept(column.name)]
        computed = self._computed()
        types = [statement for column in (*kept, *computed) for statement in column.types]
        parts = [self._column(column) for column in self.plan.columns]
        parts += [self._generated(column) for column in computed]
        parts += [
            f"CONSTRAINT {quote(c.name)} {c.definition}"
            for c in self.table.constraints
            if (c.kind == "p" or (c.kind == "c" and c.is_valid)) and self.why_not(c) == ""
        ]
        before = [f"CREATE SEQUENCE {name} {options}" for name, options in self._sequences().items()]
        after = [
            f"ALTER SEQUENCE {c.sequence} OWNED BY public.{quote(self.plan.name)}.{quote(c.name)}"
            for c in kept
            if c.sequence and not c.identity
        ]
        create = f"CREATE TABLE public.{quote(self.plan.name)} ({', '.join(parts)})"
        return (*dict.fromkeys([*types, *before]), create, *after)

    def _is_kept(self, source: str) -> bool:
        return any(column.source == source and not column.cast for column in self.plan.columns)

    def _sequences(self, *, with_identity: bool = False) -> dict[str, str]:
        """Return the sequences that kept columns own or read, with their options."""
        found: dict[str, str] = {}
        for column in self.table.columns:
            if not self._is_kept(column.name):
                continue
            if column.sequence and (with_identity or not column.identity):
                found[column.sequence] = column.sequence_options
            if self._default(column):
                found |= dict(column.default_sequences)
        return found

    def _default(self, column: SourceColumn) -> str:
        is_usable = not column.default_needs and not self._foreign_sequences(column)
        return column.default if is_usable and not column.generated else ""

    @staticmethod
    def _foreign_sequences(column: SourceColumn) -> list[str]:
        """Sequences of other schemas: the target has only `public`."""
        return [name for name, _ in column.default_sequences if has_schema(name)]

    def _computed(self) -> list[SourceColumn]:
        return [column for column in self.table.columns if column.generated and self._why_not_computed(column) == ""]

    def _why_not_computed(self, column: SourceColumn) -> str:
        if column.default_needs:
            return f"it needs {column.default_needs}"
        if column.obstacle:
            return f"its type is {column.type}, {column.obstacle}"
        if column.generated == "v" and self.target_major < VIRTUAL_FROM:
            return f"virtual columns exist from PostgreSQL {VIRTUAL_FROM} on"
        changed = any(self._mentions(column.default, c.source) for c in self.plan.columns if c.cast)
        if changed or not self._is_whole(column.default):
            return "it uses a column that stays behind"
        return ""

    def _is_whole(self, definition: str) -> bool:
        return not any(self._mentions(definition, name) for name in self.plan.dropped_columns)

    @staticmethod
    def _mentions(definition: str, name: str) -> bool:
        """Say whether a definition may mention a column; a name in a text makes it careful, not wrong."""
        return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", definition) is not None

    def _generated(self, column: SourceColumn) -> str:
        how = "VIRTUAL" if column.generated == "v" else "STORED"
        collate = self._collate(column)
        return f"{quote(column.name)} {column.type}{collate} GENERATED ALWAYS AS ({column.default}) {how}"

    @staticmethod
    def _collate(column: SourceColumn) -> str:
        return f" COLLATE {quote(column.collation)}" if column.collation in PORTABLE_COLLATIONS else ""

    def _column(self, planned: ColumnPlan) -> str:
        column = self.table.column(planned.source)
        words = [quote(planned.target), planned.target_type + ("" if planned.cast else self._collate(column))]
        if column.is_not_null:
            words.append("NOT NULL")
        if column.identity:
            how = "ALWAYS" if column.identity == "a" else "BY DEFAULT"
            words.append(f"GENERATED {how} AS IDENTITY (SEQUENCE NAME {column.sequence} {_steps(column)})")
        elif self._default(column) and not planned.cast:
            words.append(f"DEFAULT {column.default}")
        return " ".join(words)

    def why_not(self, rule: Constraint | Index) -> str:
        """Say why a constraint or an index is not carried, "" when it is."""
        if rule.needs:
            return f"it needs {rule.needs}"
        if not self._is_whole(rule.definition):
            return "it uses a column that stays behind"
        retyped = any(c.cast and self._mentions(rule.definition, c.source) for c in self.plan.columns)
        return "it uses a column of another type" if retyped and not _is_plain(rule) else ""

    def _late_constraints(self) -> list[tuple[str, str, str]]:
        """Keys and exclusions are built after the load; a CHECK that rows may break is added without a look at them."""
        late = [c for c in self.table.constraints if c.kind in "ux" or (c.kind == "c" and not c.is_valid)]
        alter = f"ALTER TABLE public.{quote(self.plan.name)} ADD CONSTRAINT"
        return [
            ("check" if c.kind == "c" else "unique", c.name, f"{alter} {quote(c.name)} {c.definition}")
            for c in late
            if self.why_not(c) == ""
        ]

    def _indexes(self) -> list[tuple[str, str, str]]:
        return [
            ("index", index.name, self._whole_index(index.definition))
            for index in self.table.indexes
            if self.why_not(index) == ""
        ]

    def _whole_index(self, definition: str) -> str:
        return definition.replace(" ON ONLY ", " ON ", 1) if self.plan.is_partitioned else definition

    def _unkept_columns(self) -> list[str]:
        found = []
        for column in self.table.columns:
            if column.generated and (why := self._why_not_computed(column)):
                found.append(f"the generated column {column.name}: {why}")
            elif self._is_kept(column.name) and column.default and not self._default(column) and not column.generated:
                needs = column.default_needs or ", ".join(self._foreign_sequences(column))
                found.append(f"the default of {column.name}: it needs {needs}")
            if self._is_kept(column.name) and column.collation and not self._collate(column):
                found.append(f"the collation {column.collation} of {column.name}")
        return found

    def _unkept_rules(self) -> list[str]:
        words = {"p": "primary key", "u": "unique key", "x": "exclusion constraint", "c": "check"}
        rules = [(words[c.kind], c.name, self.why_not(c)) for c in self.table.constraints]
        rules += [("index", index.name, self.why_not(index)) for index in self.table.indexes]
        return [f"{what} {name}: {why}" for what, name, why in rules if why]


def _steps(column: SourceColumn) -> str:
    """An identity's sequence takes its type from the column, and refuses to be told."""
    return column.sequence_options.split(" ", 2)[2] if column.sequence_options else ""


def _is_plain(rule: Constraint | Index) -> bool:
    """Say whether a rule only lists columns: then it means the same whatever their types."""
    if isinstance(rule, Constraint):
        return rule.kind in "pu"
    return rule.definition.count("(") == 1 and " WHERE " not in rule.definition


def _keys_of(plan: TablePlan, table: SourceTable) -> list[set[str]]:
    """What a foreign key of the target may refer to: of the store's own tables that is the id."""
    if plan.action is Action.MIGRATE:
        return [{c.source} for c in plan.columns if c.target == "id"]
    carrier = _Carrier(plan, table, VIRTUAL_FROM)
    keys = [set(c.columns) for c in table.constraints if c.kind in "pu" and carrier.why_not(c) == ""]
    return keys + [set(i.unique_columns) for i in table.indexes if i.unique_columns and carrier.why_not(i) == ""]
