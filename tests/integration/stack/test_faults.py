"""A full migration from a standalone container to the stack, undisturbed and through faults of either server.

MOSAIC_TEST_FAULTS is how many faults are drawn (5; the long run is 50), MOSAIC_TEST_FAULTS_SEED which ones.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.engine import ComposeStack
from tests.fingerprint import Catalog, catalog_of
from tests.integration.engine.support import make_snake
from tests.integration.stack.conftest import Standalone, empty_target
from tests.integration.stack.faults import KINDS, Attempt, Victim, differences, draw, migrate_through

ROWS = 8_000
NOTES = os.environ.get("MOSAIC_TEST_FAULTS_NOTES")  # a file that gets one line per fault
FAULTS = int(os.environ.get("MOSAIC_TEST_FAULTS", "5"))
SEED = int(os.environ.get("MOSAIC_TEST_FAULTS_SEED", "20261126"))

pytestmark = pytest.mark.crash


@dataclass(frozen=True)
class Field:
    """Where the faults happen: a filled source, the two victims, and how an undisturbed migration ends."""

    source_url: str
    victims: list[Victim]
    catalog: Catalog
    undisturbed_s: float


@pytest.fixture(scope="module")
def field(standalone: Standalone, compose_stack: ComposeStack, django_db_blocker: Any) -> Field:
    source_url = standalone.url()
    with django_db_blocker.unblock():
        make_snake(source_url, ROWS)
    target_url = compose_stack.postgres_url()
    result = Attempt(source_url, target_url).result()
    assert result["exit"] == 0, result
    server, network = compose_stack.container("postgres-federated"), compose_stack.network()
    victims = [
        Victim("source", standalone.container, "bridge", source_url),
        Victim("target", server, network, target_url),
    ]
    return Field(source_url, victims, catalog_of(target_url, schema="public"), result["seconds"])


def test_an_undisturbed_migration_is_equal_and_the_comparison_can_fail(
    field: Field, compose_stack: ComposeStack
) -> None:
    target_url = compose_stack.postgres_url()
    assert differences(field.source_url, target_url, field.catalog) == []
    with psycopg.connect(target_url, autocommit=True) as connection:
        connection.execute("UPDATE tasks SET title = title || ' ' WHERE id = (SELECT id FROM tasks LIMIT 1)")
        connection.execute("ALTER TABLE notes ALTER COLUMN body SET DEFAULT 'changed'")
        found = differences(field.source_url, target_url, field.catalog)
        connection.execute("UPDATE tasks SET title = rtrim(title)")
    assert [(item.kind, item.column or item.table) for item in found] == [
        ("value", "title"),
        ("catalog", "public.notes.body"),
    ]


@pytest.mark.parametrize("number", range(FAULTS))
def test_a_random_fault_ends_resumable_and_every_row_arrives(
    field: Field, compose_stack: ComposeStack, number: int
) -> None:
    dice = random.Random(f"{SEED}/{number}")
    kind = sorted(KINDS)[number % len(KINDS)]  # a short run has each kind as well
    fault = draw(dice, kind, field.victims, field.undisturbed_s)
    for earlier in (1, 2, 4):  # a run that was over before the fault is met earlier
        with empty_target(compose_stack) as target_url:
            story = migrate_through(replace(fault, after_s=fault.after_s / earlier), field.source_url, target_url)
            if story:
                assert differences(field.source_url, target_url, field.catalog) == []
                break
    assert story, "each migration was over before the fault"
    if NOTES:
        with Path(NOTES).open("a") as notes:
            notes.write(f"{number:3} {story}\n")
