"""The order in which the suite runs its files."""

from __future__ import annotations

from tests.program import ROOT
from tests.scheduling import LONG, STACKS, group_of


def test_each_file_that_is_begun_early_is_there() -> None:
    assert [path for path in LONG if not (ROOT / path).is_file()] == []
    stacks = [path for paths in STACKS.values() for path in paths]
    assert [path for path in stacks if not (ROOT / path).exists()] == []


def test_a_file_of_a_stack_is_with_its_stack_and_another_by_itself() -> None:
    assert group_of("tests/e2e/test_cutover.py") == "large_demo"
    assert group_of("tests/e2e/test_shell.py") == "demo"
    assert group_of(LONG[0]) == LONG[0]
