"""Every supported PostgreSQL as a source, moved into PostgreSQL 18 and judged by the comparator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from migration.engine import make_plan
from migration.engine.model import CheckStatus, Decisions, OutcomeState
from migration.engine.prepare import _create
from migration.errors import SchemaMismatchError
from tests import sources
from tests.comparator import compare, derive_mapping
from tests.integration.engine.support import load, migrate, source_at, target_at
from tests.integration.engine.test_sources import decisions_for


@pytest.mark.parametrize("name", sources.SOURCES)
@pytest.mark.parametrize("major", [14, 15, 16, 17])
def test_a_source_of_each_version_arrives_equal(
    major: int, name: str, old_postgres: Any, postgres: Any, make_database: Any
) -> None:
    source, target = make_database(old_postgres(major)), make_database(postgres)
    sources.load_source(source, name)
    outcome = migrate(source, target, decisions_for(name), chunk_rows=2, verify_mode="exact")
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    mapping = derive_mapping(
        source,
        target,
        tables=[*sources.CANONICAL, *sources.OWN_TABLES],
        text_ids=sources.TEXT_ID_TABLES.get(name, ()),
        values=sources.UNKNOWN_VALUES.get(name),
        free=("origin_id", "updated_at", "created_at", "deleted_at"),
    )
    assert compare(source, target, mapping=mapping) == []


def test_a_source_that_is_too_old_is_refused_by_its_version(
    old_postgres: Any, postgres: Any, make_database: Any
) -> None:
    source, target = make_database(old_postgres(13)), make_database(postgres)
    plan = make_plan(source_at(source), target_at(target), Decisions())
    assert [(c.code, c.message) for c in plan.blocking_checks] == [("MOS-PG-021", "PostgreSQL 13.23")]


@pytest.mark.parametrize("major", [16, 17])
def test_a_target_is_held_to_its_version_and_to_pgvector(
    major: int, old_postgres: Any, plain_postgres: Any, make_database: Any
) -> None:
    source, target = make_database(plain_postgres), make_database(old_postgres(major))
    checks = {c.name: c.status for c in make_plan(source_at(source), target_at(target), Decisions()).checks}
    assert checks["target version"] is (CheckStatus.PASS if major == 17 else CheckStatus.FAIL)
    assert checks["pgvector on the target"] is CheckStatus.FAIL


def test_what_only_a_newer_server_can_create_is_refused_by_name(
    plain_postgres: Any, postgres: Any, make_database: Any
) -> None:
    source, target = make_database(plain_postgres), make_database(postgres)
    load(source, "CREATE TABLE fresh (id int PRIMARY KEY, at bigint DEFAULT 7)")
    ends = source_at(source), target_at(target)
    plan = make_plan(*ends, Decisions(carry_tables=("fresh",)))
    tables = [replace(t, ddl=tuple(s.replace("DEFAULT 7", "DEFAULT made_in_20()") for s in t.ddl)) for t in plan.tables]
    newer = replace(plan, tables=tuple(tables))
    with psycopg.connect(target) as connection, pytest.raises(SchemaMismatchError, match="create fresh"):
        _create(connection, newer)
