"""docs/configuration.md keeps up with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from mosaic_admin.cli.config import command
from tiers import codes
from tiers.reference import SCHEMA, reference, schema_text, with_reference
from tiers.schema import _MODELS, _SECTIONS, TEAM_ALIAS_ENDS, keys_of

PAGE = (Path(settings.BASE_DIR) / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize("code", [code.id for code in codes.ALL])
def test_every_code_is_documented(code: str) -> None:
    assert f"`{code}`" in PAGE


@pytest.mark.parametrize("name", sorted(command.commands))
def test_every_command_is_documented(name: str) -> None:
    assert f"`mosaic config {name}" in PAGE


def test_the_reference_and_the_published_schema_are_what_the_code_says() -> None:
    fix = "run: .venv/bin/python -m tiers.reference"
    assert with_reference(PAGE) == PAGE, fix
    assert SCHEMA.read_text() == schema_text(), fix


def test_every_key_is_in_the_reference() -> None:
    for section, model in _MODELS.items():
        for key in keys_of(model):
            path = ".".join([*section[:1], key])
            assert f"`{path}`" in reference() or path in _SECTIONS or (section and key == "$comment"), path


def test_the_end_of_the_old_word_is_documented() -> None:
    assert f"version {TEAM_ALIAS_ENDS}" in PAGE.replace("\n", " ")


def test_every_test_that_the_table_of_peers_names_exists() -> None:
    """Name the beginning of a test's name, or a file."""
    root = Path(settings.BASE_DIR)
    here = root / "tests" / "unit" / "tiers"
    text = (root / "docs" / "peers-configuration.md").read_text()
    files = re.findall(r"`((?:tests/[\w/]+/)?test_\w+\.py)(?:::(\w+))?", text)
    assert len(files) > 15
    for file, name in files:
        path = root / file if "/" in file else here / file
        assert path.exists(), file
        assert f"def {name}" in path.read_text(), f"{file}::{name}"
