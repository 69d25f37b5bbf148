"""The documentation keeps up with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEPENDENCIES = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
NAMES = sorted({re.split(r"[\[<>=~ ]", item)[0] for item in DEPENDENCIES})


@pytest.mark.parametrize("name", NAMES)
def test_every_dependency_says_what_it_is_for(name: str) -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert re.search(rf"^\|.*(?<![\w-]){re.escape(name)}(?![\w-])", text, re.MULTILINE)


@pytest.mark.parametrize("milestone", ["M2", "M3", "M4", "M5", "M6", "M7"])
def test_the_roadmap_names_what_is_not_built(milestone: str) -> None:
    text = (ROOT / "docs" / "roadmap.md").read_text()
    assert re.search(rf"^\| {milestone} \|.*\*\*not built\*\* \|$", text, re.MULTILINE)


def test_every_link_between_documents_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
