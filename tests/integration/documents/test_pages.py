"""Every command of README and docs/ that needs no container engine, typed as it stands there into a running demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents import Session, blocks_of, pages
from tests.integration.documents.test_stack_pages import ENGINE_PAGES

BY_HAND = "docs/federation/by-hand.md"
RUN_PAGES = [page for page in pages() if any(block.is_run for block in blocks_of(page))]


def test_nearly_every_page_with_commands_is_followed() -> None:
    assert {"docs/guides/migrate-to-federated.md", "docs/guides/api.md", BY_HAND, *ENGINE_PAGES} <= set(RUN_PAGES)


@pytest.mark.parametrize("document", sorted({*RUN_PAGES} - {*ENGINE_PAGES, BY_HAND}))
def test_a_reader_who_types_the_page_gets_what_it_shows(document: str, documents_demo: Session, tmp_path: Path) -> None:
    documents_demo.follow(document, tmp_path / "answers")


def test_servers_by_hand_satisfy_the_doctor(server_by_hand: Session, tmp_path: Path) -> None:
    server_by_hand.follow(BY_HAND, tmp_path / "answers")
