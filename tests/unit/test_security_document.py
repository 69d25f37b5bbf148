"""Each control of docs/security.md names the test that shows it, and that test exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
ROW = re.compile(r"^\| (?!Threat|---)(.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
SECTIONS = ("Web and people", "Data and engine")


def section(title: str) -> str:
    text = (ROOT / "docs" / "security.md").read_text()
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("title", SECTIONS)
def test_every_threat_names_a_test(title: str) -> None:
    rows = ROW.findall(section(title))
    assert rows
    for threat, _, shown in rows:
        assert NAME.search(shown), f"no test shows the control against: {threat}"


@pytest.mark.parametrize("document", ["security.md", "security-findings.md"])
def test_every_test_that_is_named_exists(document: str) -> None:
    named = NAME.findall((ROOT / "docs" / document).read_text())
    assert named
    for file, function in named:
        assert (ROOT / file).is_file(), f"{document} names {file}"
        is_there = re.search(rf"^\s*(?:async )?def {function}\(", (ROOT / file).read_text(), re.MULTILINE)
        assert not function or is_there, f"{document} names {file}::{function}"
