"""Which unique keys of the target may be absent while rows arrive."""

from __future__ import annotations

import pytest

from migration.engine.catalog import Constraint, SourceTable
from migration.engine.model import ColumnPlan, SureKey
from migration.engine.surekeys import is_sure, sure_keys, unique_rule


@pytest.mark.parametrize(
    ("definition", "columns", "where"),
    [
        ("PRIMARY KEY (id)", ("id",), ""),
        ('UNIQUE (team_id, "order")', ("team_id", "order"), ""),
        ('UNIQUE ("a""b")', ('a"b',), ""),
        ("CREATE UNIQUE INDEX i ON public.m USING btree (a, b) WHERE (b IS NOT NULL)", ("a", "b"), "(b IS NOT NULL)"),
    ],
)
def test_plain_keys_are_read(definition: str, columns: tuple[str, ...], where: str) -> None:
    assert unique_rule(definition) == SureKey(columns, where)


@pytest.mark.parametrize(
    "definition",
    [
        "CREATE UNIQUE INDEX i ON public.u USING btree (lower(email))",
        "CREATE UNIQUE INDEX i ON public.u USING btree (email text_pattern_ops)",
        "CREATE UNIQUE INDEX i ON public.u USING btree (id DESC)",
        "CREATE UNIQUE INDEX i ON public.u USING btree (a) INCLUDE (b)",
        "CREATE UNIQUE INDEX i ON public.u USING btree (a) NULLS NOT DISTINCT",
        "UNIQUE NULLS NOT DISTINCT (a)",
        "UNIQUE (a) DEFERRABLE",
        "CREATE INDEX i ON public.u USING btree (a)",
        "FOREIGN KEY (a) REFERENCES b(id)",
        'UNIQUE ("a, b")',
    ],
)
def test_anything_else_stays(definition: str) -> None:
    assert unique_rule(definition) is None


def source(*definitions: str) -> SourceTable:
    constraints = tuple(Constraint("k", "u", (), definition, True, "") for definition in definitions)
    return SourceTable("public", "t", 1, "r", 0, (), constraints=constraints)


def test_a_key_of_the_source_speaks_in_the_names_of_the_target() -> None:
    columns = [ColumnPlan("id", "id", "uuid", "uuid"), ColumnPlan("teamId", "team_id", "uuid", "uuid")]
    assert sure_keys(source("PRIMARY KEY (id)", 'UNIQUE ("teamId")'), columns) == (
        SureKey(("id",)),
        SureKey(("team_id",)),
    )


def test_a_value_that_changes_on_the_way_guarantees_nothing() -> None:
    mapped = ColumnPlan("id", "id", "text", "uuid", cast="CASE WHEN …")
    assert sure_keys(source("PRIMARY KEY (id)"), [mapped, ColumnPlan("id", "origin_id", "text", "text")]) == ()


def test_a_condition_is_compared_only_where_no_name_changes() -> None:
    columns = [ColumnPlan("a", "a"), ColumnPlan("bC", "b_c")]
    assert sure_keys(source("UNIQUE (a) WHERE (a > 0)"), columns) == ()


def test_a_key_covers_every_wider_key_under_the_same_or_no_condition() -> None:
    known = (SureKey(("a",)), SureKey(("b",), "(b IS NOT NULL)"))
    assert is_sure("PRIMARY KEY (a)", known)
    assert is_sure("UNIQUE (a, c)", known)
    assert is_sure("CREATE UNIQUE INDEX i ON public.t USING btree (a) WHERE (c > 0)", known)
    assert is_sure("CREATE UNIQUE INDEX i ON public.t USING btree (b, c) WHERE (b IS NOT NULL)", known)
    assert not is_sure("UNIQUE (b)", known)
    assert not is_sure("UNIQUE (c)", known)
