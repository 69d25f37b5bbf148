"""Generated decisions: the command that is printed means what was decided, and odd words are refused in plain ones."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migration.decisions import as_options, from_options, merge
from migration.engine.model import Decisions
from migration.job_errors import BadDecisionError
from mosaic_admin.cli.storage import migrate_tier
from tests.fuzzing import MANY

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8) | st.sampled_from(
    ["tasks", "tasks.status", "tasks.status:new=todo", "a=b", "=", ".", ":", "--help", "-x", " ", "a.b:c=d=e"]
)
NAMES = ("carry_tables", "skip_tables", "carry_columns", "drop_columns", "map_values")


TEXT = st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters=".:=")
TABLES = st.text(TEXT, min_size=1, max_size=4) | st.sampled_from(["tasks", "--help", "-x", "'", '"', "$HOME"])
COLUMNS = st.tuples(TABLES, TABLES).map(".".join)
VALUES = st.tuples(COLUMNS, st.sampled_from(["old", "a=b", "a:b", "--yes", "a b"])).map(":".join)
DECIDED = st.builds(
    Decisions,
    carry_tables=st.lists(TABLES, max_size=2).map(tuple),
    skip_tables=st.dictionaries(TABLES, st.sampled_from(["old", "a=b", "-x"]), max_size=2),
    carry_columns=st.lists(COLUMNS, max_size=2).map(tuple),
    drop_columns=st.lists(COLUMNS, max_size=2).map(tuple),
    map_values=st.dictionaries(VALUES, TABLES, max_size=2),
    allow_rejects=st.integers(0, 9),
)


def contradicts_itself(made: Decisions) -> bool:
    return bool({*made.carry_tables} & made.skip_tables.keys() or {*made.carry_columns} & {*made.drop_columns})


AGREEING = DECIDED.filter(lambda made: not contradicts_itself(made))


@MANY
@given(st.fixed_dictionaries({name: st.lists(WORDS, max_size=3) for name in NAMES}))
def test_any_words_are_understood_or_refused_with_the_way_to_write_them(words: dict[str, list[str]]) -> None:
    try:
        from_options(**words)  # type: ignore[arg-type]
    except BadDecisionError as refused:
        option = refused.remediation.partition("--")[2].partition(" ")[0]
        assert f"{option.replace('-', '_')}s" in NAMES


@MANY
@given(DECIDED)
@example(Decisions(carry_tables=("--help",), skip_tables={"-x": "=old"}, map_values={"tasks.status:a=b": "todo"}))
def test_the_command_that_is_printed_means_what_was_decided(made: Decisions) -> None:
    words = shlex.split(shlex.join(as_options(made)))
    read = migrate_tier.make_context("migrate-tier", ["--to", "federated", *words]).params
    options = {name: read[name] for name in (*NAMES, "allow_rejects", "allow_sessions")}
    if contradicts_itself(made):
        with pytest.raises(BadDecisionError, match="is to be carried and left behind"):
            from_options(**options)
    else:
        assert from_options(**options) == made


@MANY
@given(AGREEING, AGREEING)
def test_a_later_decision_about_the_same_thing_replaces_the_earlier_one(old: Decisions, new: Decisions) -> None:
    both = merge(old, new)
    assert not contradicts_itself(both)
    assert {*new.carry_tables} <= {*both.carry_tables}
    assert new.map_values.items() <= both.map_values.items()
    assert merge(both, new) == both
