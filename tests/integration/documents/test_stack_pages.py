"""The commands of the pages about containers, typed on a host with a real engine, each page in a fresh clone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents import Session

ENGINE_PAGES = ("docs/federation/compose.md", "docs/federation/stack.md")


@pytest.mark.parametrize("document", ENGINE_PAGES)
def test_a_reader_who_types_the_page_gets_what_it_shows(document: str, engine_host: Session, tmp_path: Path) -> None:
    engine_host.follow(document, tmp_path / "answers")
