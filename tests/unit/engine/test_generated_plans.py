"""Generated plans: one survives JSON, and its hash binds what was confirmed and nothing that is only measured."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from migration.engine.model import CheckResult, Decision, Decisions, EndpointFacts, Plan, TablePlan
from tests.fuzzing import MANY

st.register_type_strategy(str, st.text(st.characters(exclude_categories=["Cs"]), max_size=6))
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


def few(made: type) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.from_type(made), max_size=2).map(tuple)


PLANS = st.builds(Plan, tables=few(TablePlan), checks=few(CheckResult), open_decisions=few(Decision))
MEASURED = ("rows", "bytes", "chunks", "largest_value_bytes", "notes")


@MANY
@given(PLANS)
def test_a_plan_survives_the_way_through_json(plan: Plan) -> None:
    kept = Plan.from_dict(json.loads(json.dumps(plan.as_dict())))
    assert (kept, kept.hash) == (plan, plan.hash)


@MANY
@given(PLANS, PLANS)
def test_what_was_only_measured_leaves_the_hash(plan: Plan, other: Plan) -> None:
    sizes = {name: value for name, value in vars(other).items() if name in _FREE}
    tables = tuple(replace(table, rows=table.rows + 1, bytes=7, notes=("x",)) for table in plan.tables)
    assert replace(plan, **sizes, tables=tables).hash == plan.hash


_FREE = ("checks", "open_decisions", "totals", "estimate", "made_at", "target_state", "measured_by")


@MANY
@given(PLANS, st.from_type(TablePlan), st.from_type(EndpointFacts), st.from_type(Decisions))
def test_what_a_run_would_do_differently_changes_the_hash(
    plan: Plan, table: TablePlan, end: EndpointFacts, decisions: Decisions
) -> None:
    others = [replace(plan, tables=(*plan.tables, table)), replace(plan, tables=(table, *plan.tables[1:]))]
    others += [replace(plan, decisions=decisions), replace(plan, source=end), replace(plan, target=end)]
    for other in others:
        assert (other.hash == plan.hash) == (_bound(other) == _bound(plan))


def _bound(plan: Plan) -> object:
    """Everything about a plan that decides what its run does, as Python compares it."""
    names = [item.name for item in fields(TablePlan) if item.name not in MEASURED]
    tables = [[getattr(table, name) for name in names] for table in plan.tables]
    ends = [(end.system_id, end.database) for end in (plan.source, plan.target)]
    return plan.engine_version, ends, tables, plan.decisions
