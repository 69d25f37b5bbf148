"""From a source table to its plan: columns, casts, key, and the questions that only an admin can answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from migration import codes
from migration.engine import canonical, casts
from migration.engine.catalog import SourceColumn, SourceTable, quote
from migration.engine.manifest import SECRET_REASON, is_secret
from migration.engine.model import CheckResult, CheckStatus, ColumnPlan, Decision, Decisions
from migration.engine.names import snake, target_column
from mosaic_admin.codes import Code

TID = "ctid"  # chunks are ranges of pages
_CHUNKABLE = (
    "uuid",
    "smallint",
    "integer",
    "bigint",
    "text",
    "character varying",
    "timestamp with time zone",
    "timestamp without time zone",
    "date",
)


@dataclass
class Findings:
    """What planning found beside the tables themselves."""

    decisions: list[Decision] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=list)

    def fail(self, code: Code, name: str, message: str, remediation: str) -> None:
        self.checks.append(CheckResult(code.id, name, CheckStatus.FAIL, message, remediation))


@dataclass(frozen=True)
class Mapped:
    """Which tables' ids are not uuids and are mapped: source table name → target table name."""

    tables: Mapping[str, str]

    sources: Mapping[str, SourceTable] = field(default_factory=dict)  # every table of the source, by its label

    def refers(self, table: SourceTable, column: str, seen: frozenset[tuple[str, str]] = frozenset()) -> str | None:
        """Return the target table whose mapped id this column holds by foreign keys of the source, else None.

        A column that refers to another table's reference holds the same id.
        """
        if (table.label, column) in seen:
            return None
        for key in table.foreign_keys:
            there = dict(zip(key.columns, key.target_columns, strict=True)).get(column)
            if there is None:
                continue
            if there == "id" and key.target in self.tables:
                return self.tables[key.target]
            other = self.sources.get(key.target)
            if other and (found := self.refers(other, there, seen | {(table.label, column)})):
                return found
        return None


TEXTS = f"holds texts of more than {canonical.WORD_LENGTH} characters: none of its values is shown"


@dataclass(frozen=True)
class Measured:
    rows: int
    bytes: int
    largest_value_bytes: int = 0
    words: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # enumerated column → word → rows
    texts: frozenset[str] = frozenset()  # columns that should be enumerated and hold texts


def migrate_columns(
    table: SourceTable, target: str, measured: Measured, decisions: Decisions, mapped: Mapped, findings: Findings
) -> tuple[list[ColumnPlan], dict[str, str]]:
    """Return the columns of a known table and what stays behind; what is unclear goes to `findings`."""
    planned: list[ColumnPlan] = []
    dropped: dict[str, str] = {}
    for column in table.columns:
        subject = f"{table.label}.{column.name}"
        name = target_column(target, column.name)
        if is_secret(column.name):
            dropped[column.name] = SECRET_REASON
        elif subject in decisions.drop_columns and name != "id":
            dropped[column.name] = "left behind by decision"
        elif name is not None:
            planned.append(_known_column(table, column, target, name, measured, decisions, mapped, findings))
        elif column.generated:
            dropped[column.name] = "computed by the source from other columns"
        elif subject in decisions.carry_columns:
            planned.append(_carried_column(column, snake(column.name), mapped.refers(table, column.name)))
        else:
            findings.decisions.append(_column_decision(subject, column, measured))
    if target in mapped.tables.values() and table.name in mapped.tables:
        planned.append(_origin(table))
    planned.extend(_derived(planned))
    _refuse_clashes(table, planned, findings)
    return planned, dropped


def _known_column(
    table: SourceTable,
    column: SourceColumn,
    target: str,
    name: str,
    measured: Measured,
    decisions: Decisions,
    mapped: Mapped,
    findings: Findings,
) -> ColumnPlan:
    spec = canonical.TABLES[target][name]
    referred = target if name == "id" else spec.references
    if spec.type == "uuid" and column.type != "uuid" and referred:
        expression = casts.mapped_id(referred, column)
        return ColumnPlan(column.name, name, column.type, "uuid", expression, "uuid kept, any other id hashed to one")
    made = casts.cast(column, spec.type)
    if made is None:
        findings.fail(
            codes.TYPE,
            f"type of {table.label}.{column.name}",
            f"{table.label}.{column.name} has type {column.type}, which has no conversion to {spec.type}.",
            f"Change the column's type in the source, or leave it behind: --drop-column {table.label}.{column.name}",
        )
        made = ("", "")
    expression, note = made
    if spec.allowed:
        words = _word_map(table, column, spec, measured, decisions, findings)
        if words:
            expression = casts.map_words(expression or quote(column.name), words)
            note = ", ".join(f"{old} → {new}" for old, new in sorted(words.items()))
        if column.name in measured.texts:
            note = f"{note}; {TEXTS}" if words else TEXTS
    return ColumnPlan(column.name, name, column.type, spec.type, expression, note)


def _word_map(
    table: SourceTable,
    column: SourceColumn,
    spec: canonical.Column,
    measured: Measured,
    decisions: Decisions,
    findings: Findings,
) -> dict[str, str]:
    """Return the replacements decided for a column; every other word that the store doesn't know is a question."""
    words: dict[str, str] = {}
    begin = f"{table.label}.{column.name}:"
    if column.name in measured.texts:
        mapped = decisions.map_values.items()
        return {
            old.removeprefix(begin): str(new) for old, new in mapped if old.startswith(begin) and new in spec.allowed
        }
    for word, rows in measured.words.get(column.name, {}).items():
        subject = f"{begin}{word}"
        chosen = decisions.map_values.get(subject)
        if chosen in spec.allowed:
            words[word] = str(chosen)
        elif word not in spec.allowed:
            choices = tuple(f"--map-value {subject}={allowed}" for allowed in spec.allowed)
            text = f"{rows} rows of {table.label}.{column.name} hold a word that the store does not know."
            findings.decisions.append(Decision("value", subject, rows, rows * len(word), text, choices))
    return words


def _column_decision(subject: str, column: SourceColumn, measured: Measured) -> Decision:
    proposal = snake(column.name)
    text = f"The store has no column for {subject} ({column.type}); carried, it would be called {proposal}."
    choices = (f"--carry-column {subject}", f"--drop-column {subject}")
    return Decision("column", subject, measured.rows, measured.bytes, text, choices)


def _carried_column(column: SourceColumn, name: str, referred: str | None) -> ColumnPlan:
    if referred is not None and column.type != "uuid":
        expression = casts.mapped_id(referred, column)
        return ColumnPlan(column.name, name, column.type, "uuid", expression, f"follows the mapped id of {referred}")
    if column.base == "citext" and not column.obstacle:
        note = "citext → text: upper and lower case differ from now on"
        return ColumnPlan(column.name, name, column.type, "text", f"{quote(column.name)}::text", note)
    return ColumnPlan(column.name, name, column.type, column.type)


def _origin(table: SourceTable) -> ColumnPlan:
    column = table.column("id")
    return ColumnPlan("id", "origin_id", column.type, "text", casts.origin_id(column), "the source's own id")


def _derived(planned: list[ColumnPlan]) -> list[ColumnPlan]:
    """Return the dimension of an embedding for a source that does not keep it."""
    targets = {column.target: column for column in planned}
    if "embedding" not in targets or "embedding_dim" in targets:
        return []
    embedding = targets["embedding"]
    length = f"cardinality({casts.embedding_array(embedding.source, embedding.source_type)})"
    return [ColumnPlan(embedding.source, "embedding_dim", embedding.source_type, "integer", length, "counted")]


def _refuse_clashes(table: SourceTable, planned: Iterable[ColumnPlan], findings: Findings) -> None:
    seen: dict[str, str] = {}
    for column in planned:
        if column.target in seen:
            findings.fail(
                codes.NAME_CLASH,
                f"names in {table.label}",
                f"{table.label}.{seen[column.target]} and {table.label}.{column.source} would both become "
                f"{column.target}.",
                f"Keep one of them: rename or drop the other column in the source ({table.label}.{column.source}).",
            )
        seen.setdefault(column.target, column.source)


def carry_columns(table: SourceTable, decisions: Decisions, mapped: Mapped) -> tuple[list[ColumnPlan], dict[str, str]]:
    """Return the columns of a carried table: under their own names, all but secrets and generated values."""
    planned, dropped = [], {}
    for column in table.columns:
        if is_secret(column.name):
            dropped[column.name] = SECRET_REASON
        elif f"{table.label}.{column.name}" in decisions.drop_columns:
            dropped[column.name] = "left behind by decision"
        elif not column.generated:
            planned.append(_carried_column(column, column.name, mapped.refers(table, column.name)))
    return planned, dropped


def check_types(table: SourceTable, planned: Iterable[ColumnPlan], findings: Findings) -> None:
    """Stop the plan at a type that the target cannot have, or that no verification covers."""
    for plan in planned:
        column = table.column(plan.source)
        why = "" if casts.can_verify(column) else "which cannot be verified"
        if not plan.cast and plan.target_type == column.type:  # it needs this very type
            why = column.obstacle or ("which belongs to the extension citext" if column.base == "_citext" else why)
        if why:
            findings.fail(
                codes.TYPE,
                f"type of {table.label}.{column.name}",
                f"{table.label}.{column.name} has type {column.type}, {why}.",
                f"Leave it behind (--drop-column {table.label}.{column.name}), or change its type in the source.",
            )


def usable_key(table: SourceTable, planned: Iterable[ColumnPlan]) -> tuple[str, ...]:
    """Return what tells every row apart, in columns that are all copied: a part of a key would not."""
    kept = {column.source for column in planned}
    keys = [key for key in (table.primary_key, *sorted(table.unique_keys, key=len)) if key and kept.issuperset(key)]
    return next(iter(keys), ())


def chunk_column(table: SourceTable, key: tuple[str, ...]) -> str:
    """Return what a table is cut into chunks by: places, or where those say nothing the key; "" for neither."""
    if table.kind != "p":
        return TID
    if not key:
        return ""
    type_name = table.column(key[0]).type.split("(")[0]
    return key[0] if type_name in _CHUNKABLE else ""
