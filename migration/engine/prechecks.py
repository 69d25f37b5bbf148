"""What the store would reject, counted in the source: missing values, broken rules, duplicates, orphans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from migration import codes
from migration.engine import canonical, casts
from migration.engine.catalog import Connection, SourceTable, literal
from migration.engine.model import Action, CheckResult, CheckStatus, ColumnPlan, TablePlan
from migration.engine.ranges import source_rows
from migration.engine.tables import TEXTS

_ARTICLE = re.compile("^an? ")


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong with rows of a table; `query` counts them."""

    name: str
    wrong: str
    query: str


def would_reject(
    connection: Connection, pairs: list[tuple[TablePlan, SourceTable]], *, allow_rejects: int
) -> list[CheckResult]:
    """Return one check per rule that rows break, or a single pass."""
    plans = {plan.name: plan for plan, _ in pairs}
    results, total = [], 0
    for plan, table in pairs:
        if plan.action is not Action.MIGRATE:
            continue
        for rule in _rules(plan, table, plans):
            count = _count(connection, rule)
            if count is None:
                rule, count = Rule(rule.name, "at least one value without a conversion", ""), 1
            total += count
            if count:
                results.append((rule, count, table))
    status = CheckStatus.WARN if total <= allow_rejects else CheckStatus.FAIL
    found = [_check(rule, count, table, status, total) for rule, count, table in results]
    return found or [CheckResult(codes.WOULD_REJECT.id, "rows the store would reject", CheckStatus.PASS, "none")]


def _count(connection: Connection, rule: Rule) -> int | None:
    """Return how many rows break a rule; None where a value could not even be converted to be looked at."""
    try:
        with connection.transaction():
            row = connection.execute(rule.query).fetchone()
    except psycopg.DataError:
        return None
    return int(row[0]) if row else 0


def _check(rule: Rule, count: int, table: SourceTable, status: CheckStatus, total: int) -> CheckResult:
    fix = f"Repair these rows in the source ({table.label}), or accept losing them with --allow-rejects {total}."
    rows = f"1 row of {table.label} has" if count == 1 else f"{count:,} rows of {table.label} have"
    return CheckResult(codes.WOULD_REJECT.id, rule.name, status, f"{rows} {rule.wrong}", fix)


def _rules(plan: TablePlan, table: SourceTable, plans: dict[str, TablePlan]) -> Iterator[Rule]:
    by_target = {column.target: column for column in plan.columns}
    expressions = {name: casts.select_expression(column) for name, column in by_target.items()}
    if "embedding" in by_target:
        embedding = by_target["embedding"]
        is_valid = casts.is_embedding(embedding.source, embedding.source_type)
        array = casts.embedding_array(embedding.source, embedding.source_type)
        expressions["embedding"] = f"(CASE WHEN {is_valid} THEN {array} END)"
        query = f"SELECT count(*) FROM {table.rows_sql} WHERE NOT ({is_valid})"
        yield Rule(f"{plan.name}.embedding", f"a {embedding.source} that is no list of numbers", query)
        if "embedding_dim" in expressions:
            expressions["embedding_dim"] = _dimension(by_target["embedding_dim"], expressions)
    yield from _missing_columns(plan, table, by_target.keys())
    yield from _nulls(plan, table, expressions)
    for wrong, rule in canonical.ROW_RULES.get(plan.name, ()):
        if set(_names(rule)) <= expressions.keys():
            query = f"SELECT count(*) FROM {table.rows_sql} WHERE NOT ({rule.format(**expressions)})"
            yield Rule(f"rule of {plan.name}", f"no {_ARTICLE.sub('', wrong)}", query)
    yield from _texts(plan, table, expressions)
    yield from _duplicates(plan, table, expressions)
    yield from _orphans(plan, table, expressions, plans)


def _dimension(column: ColumnPlan, expressions: dict[str, str]) -> str:
    """The dimension that is counted from the embedding itself, without tripping over one that has no conversion."""
    is_counted = column.cast.startswith("cardinality(")
    return f"cardinality({expressions['embedding']})" if is_counted else expressions["embedding_dim"]


def _names(rule: str) -> list[str]:
    return re.findall(r"{(\w+)}", rule)


def _missing_columns(plan: TablePlan, table: SourceTable, present: object) -> Iterator[Rule]:
    for name, spec in canonical.TABLES[plan.name].items():
        if spec.required and name not in present:  # type: ignore[operator]
            query = f"SELECT count(*) FROM {table.rows_sql}"
            yield Rule(f"{plan.name}.{name}", f"no {name}: the source has no such column", query)


def _nulls(plan: TablePlan, table: SourceTable, expressions: dict[str, str]) -> Iterator[Rule]:
    for name, spec in canonical.TABLES[plan.name].items():
        column = next((c for c in plan.columns if c.target == name), None)
        if column is None or spec.is_nullable or table.column(column.source).is_not_null:
            continue
        query = f"SELECT count(*) FROM {table.rows_sql} WHERE ({expressions[name]}) IS NULL"
        yield Rule(f"{plan.name}.{name}", f"no value in {column.source}, which the store requires", query)


def _texts(plan: TablePlan, table: SourceTable, expressions: dict[str, str]) -> Iterator[Rule]:
    """Count what stands in for a word where nobody is asked about single words, because the column holds texts."""
    for column in plan.columns:
        if TEXTS not in column.note:
            continue
        known = ", ".join(literal(word) for word in canonical.TABLES[plan.name][column.target].allowed)
        query = f"SELECT count(*) FROM {table.rows_sql} WHERE ({expressions[column.target]})::text NOT IN ({known})"
        yield Rule(f"{plan.name}.{column.target}", f"no {column.source} that the store knows", query)


def _duplicates(plan: TablePlan, table: SourceTable, expressions: dict[str, str]) -> Iterator[Rule]:
    for name, unique, condition in canonical.UNIQUE_RULES:
        if name != plan.name or not set(_names(unique)) <= expressions.keys():
            continue
        query = (
            f"SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {table.rows_sql} "
            f"WHERE {condition.format(**expressions)} GROUP BY {unique.format(**expressions)} HAVING count(*) > 1) d"
        )
        yield Rule(
            f"unique {' and '.join(_names(unique))}", f"the same {' and '.join(_names(unique))} as another", query
        )


def _orphans(
    plan: TablePlan, table: SourceTable, expressions: dict[str, str], plans: dict[str, TablePlan]
) -> Iterator[Rule]:
    for name, spec in canonical.TABLES[plan.name].items():
        column = next((c for c in plan.columns if c.target == name), None)
        if not spec.references or column is None or _is_enforced(table, column.source):
            continue
        parent = plans.get(spec.references)
        there = f"SELECT FROM {source_rows(parent)} p WHERE ({_key(parent)}) = c.key" if parent else ""
        missing = f"AND NOT EXISTS ({there})" if there else ""
        query = (
            f"SELECT count(*) FROM (SELECT {expressions[name]} AS key FROM {table.rows_sql}) c "
            f"WHERE c.key IS NOT NULL {missing}"
        )
        yield Rule(f"{plan.name}.{name}", f"a {column.source} that refers to nothing", query)


def _key(parent: TablePlan) -> str:
    column = next(c for c in parent.columns if c.target == "id")
    return casts.select_expression(column)


def _is_enforced(table: SourceTable, column: str) -> bool:
    return any(key.columns == (column,) and key.is_valid for key in table.foreign_keys)
