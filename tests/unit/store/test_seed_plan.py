"""How many rows each table of the sample data gets."""

from __future__ import annotations

import pytest

from store.seed import LEAST_ROWS, camel, plan_rows


@pytest.mark.parametrize("rows", [LEAST_ROWS, 51, 999, 200_000, 5_000_000])
def test_the_tables_rows_add_up_to_what_was_asked_for(rows: int) -> None:
    counts = plan_rows(rows)
    assert sum(counts.values()) == rows
    assert min(counts.values()) > 0


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=str(LEAST_ROWS)):
        plan_rows(LEAST_ROWS - 1)


@pytest.mark.parametrize(
    ("name", "expected"), [("team_id", "teamId"), ("content_sha256", "contentSha256"), ("id", "id")]
)
def test_camel_names(name: str, expected: str) -> None:
    assert camel(name) == expected
