"""docs/configuration.md keeps up with the code."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from mosaic_admin.cli.config import command
from tiers import codes
from tiers.schema import _MODELS, TEAM_ALIAS_ENDS, keys_of

PAGE = (Path(settings.BASE_DIR) / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize("code", [code.id for code in codes.ALL])
def test_every_code_is_documented(code: str) -> None:
    assert f"`{code}`" in PAGE


@pytest.mark.parametrize("name", sorted(command.commands))
def test_every_command_is_documented(name: str) -> None:
    assert f"`mosaic config {name}" in PAGE


def test_every_key_is_documented() -> None:
    for section, model in _MODELS.items():
        for key in keys_of(model):
            path = ".".join([*section[:1], key])
            assert f"`{path}`" in PAGE or path in ("storage", "queue", "memory"), path


def test_the_end_of_the_old_word_is_documented() -> None:
    assert f"version {TEAM_ALIAS_ENDS}" in PAGE.replace("\n", " ")
