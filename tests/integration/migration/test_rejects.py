"""The list of rejected rows, read from a real target's ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from migration import services
from migration.engine.model import Decisions
from migration.models import MigrationJob
from migration.rejects import Reject, read_rejects
from tests.integration.engine.support import load, make_snake, migrate, scalar
from tests.integration.migration.test_real_engine import choice
from tests.unit.migration.conftest import BY

pytestmark = pytest.mark.integration


@pytest.fixture
def moved(plain_postgres: Any, postgres: Any, make_database: Any, django_db_blocker: Any) -> tuple[str, str]:
    source, target = make_database(plain_postgres), make_database(postgres)
    with django_db_blocker.unblock():
        make_snake(source, rows=300)
        load(
            source,
            "ALTER TABLE tasks DROP CONSTRAINT tasks_title_length; UPDATE tasks SET title = '' WHERE position < 1",
        )
        migrate(source, target, Decisions(allow_rejects=5))
    return source, target


def test_rejects_are_read_with_their_reasons_and_counted(moved: tuple[str, str], transactional_db: None) -> None:
    job = services.request_plan(
        source=choice("standalone", moved[0]), target=choice("federated", moved[1]), by=BY, is_inline=True
    )
    MigrationJob.objects.filter(pk=job.pk).update(run_id=scalar(moved[1], "SELECT run_id FROM mosaic_migration.run"))
    job.refresh_from_db()
    found = read_rejects(job)
    bad = scalar(moved[0], "SELECT count(*) FROM tasks WHERE title = ''")
    assert found.total == len(found.rows) == bad > 0
    assert found.counts == (("tasks", "a rule of the store (CHECK) forbids it", bad),)
    assert found.rows[0].sqlstate == "23514"
    assert found.rows[0].masked_key == found.rows[0].key, "a uuid says nothing about a person"


def test_a_target_without_a_ledger_has_no_rejects(transactional_db: None, postgres: Any, make_database: Any) -> None:
    url = make_database(postgres)
    job = services.request_plan(
        source=choice("standalone", url), target=choice("federated", url), by=BY, is_inline=True
    )
    assert read_rejects(job).total == 0


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("Bea", "B•••"), ("0171-5550123", "0•••"), ("1990-01-01", "1•••"), ("4711", "4711"),
        ("4711 · Abbe", "4711 · A•••"), ("0191d3f0-0000-7000-8000-00000000000a",) * 2,
        ("d41d8cd98f00b204e9800998ecf8427e",) * 2,
    ],
)  # fmt: skip
def test_a_key_that_may_say_something_about_a_person_is_masked(key: str, shown: str) -> None:
    assert Reject("users", key, "", "", datetime.now(UTC)).masked_key == shown
