"""PGlite directories as the source of a migration: every generation, every naming, read on private copies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migration.engine import make_plan, verify
from migration.engine.model import Endpoint, OutcomeState
from migration.engine.pglite import readable
from tests import sources
from tests.comparator import compare, derive_mapping
from tests.integration.engine.support import run, target_at
from tests.integration.engine.test_sources import decisions_for
from tests.pglite import MakeDirectory
from tiers.config import LocalQueue, Memory, PgliteStorage, ResolvedConfig, Tier
from tiers.pglite.copies import copies_folder
from tiers.pglite.directory import tree_hash

SOURCES = {
    name: (Path(sources.__file__).parent / f"{name}.sql").read_text(encoding="utf-8") for name in sources.SOURCES
}
REPOSITORY = Path(__file__).resolve().parents[3]


def source_at(directory: Path) -> Endpoint:
    return Endpoint(ResolvedConfig(Tier.LOCAL, PgliteStorage(directory), LocalQueue(), Memory("keyword")), "local")


@pytest.fixture(autouse=True)
def _no_copy_is_left(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
    assert not list(copies_folder().glob("[!.]*"))


@pytest.fixture
def target(postgres: Any, make_database: Any) -> str:
    return str(make_database(postgres))


@pytest.mark.parametrize(
    ("generation", "name"), [("0.2", "mixed"), ("0.3", "snake"), ("0.4", "camel"), ("0.5", "mixed")]
)
def test_local_to_federated(generation: str, name: str, make_directory: MakeDirectory, target: str) -> None:
    """Everything arrives equal, and the directory is what it was, to the byte."""
    directory = make_directory(generation, SOURCES[name])
    before = tree_hash(directory)
    source = source_at(directory)
    plan = make_plan(source, target_at(target), decisions_for(name))
    assert tree_hash(directory) == before
    outcome = run(plan, source, target_at(target), chunk_rows=2)
    assert outcome.state is OutcomeState.VERIFIED, outcome.verification
    assert tree_hash(directory) == before

    again = run(make_plan(source, target_at(target), decisions_for(name)), source, target_at(target))
    assert (again.state, again.changed) == (OutcomeState.VERIFIED, False)
    assert verify(plan, source, target_at(target), mode="exact").is_equal
    with readable(source, "mosaic-mig test:1:1") as opened:
        url = str(opened.config.storage.url)  # type: ignore[union-attr]
        mapping = derive_mapping(
            url,
            target,
            tables=[*sources.CANONICAL, *sources.OWN_TABLES],
            text_ids=sources.TEXT_ID_TABLES.get(name, ()),
            values=sources.UNKNOWN_VALUES.get(name),
            free=("origin_id", "updated_at", "created_at", "deleted_at"),
        )
        assert compare(url, target, mapping=mapping) == []
