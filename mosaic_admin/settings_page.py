"""Writes docs/settings.md from the settings: `python -m mosaic_admin.settings_page`; a test holds it current."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mosaic_admin.env import Environment

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "settings.md"
EXAMPLE = Path(__file__).parents[1] / "compose" / ".env.example"
HEAD = """# Settings: environment variables

What Mosaic Admin's own processes read from the environment. A value that cannot be used ends the process with exit
code 78 and `MOS-ENV-001`, which names every bad one. The tier itself is configured by `mosaic.config.json`:
[configuration](configuration.md).

Written by `python -m mosaic_admin.settings_page`; a test holds it against the code.

| variable | takes | default | meaning |
|---|---|---|---|
"""
COMPOSE_HEAD = """
## Of the compose files

These go into `.env` beside the files; `compose/.env.example` is the same list. Guide: [the stack](federation/stack.md).

| variable | default | meaning |
|---|---|---|
"""
WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` `false`"}


def render() -> str:
    """Return the page."""
    return HEAD + "".join(_rows()) + COMPOSE_HEAD + "".join(_compose_rows())


def _rows() -> Iterator[str]:
    for name, value in Environment.model_json_schema(by_alias=True)["properties"].items():
        variable = name if name.isupper() else f"MOSAIC_{name.upper()}"
        default = value.get("default")
        shown = "" if default in ("", None) else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        yield f"| `{variable}` | {_takes(value)} | {shown} | {value['description']} |\n"


def _takes(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        value = next(option for option in value["anyOf"] if option.get("type") != "null")
    if "enum" in value:
        return " ".join(f"`{word}`" for word in value["enum"])
    if value.get("format") == "path":
        return "path"
    least, most = value.get("minimum"), value.get("maximum")
    limits = f" {least:,} to {most:,}" if most is not None else f" from {least:,}" if least is not None else ""
    return WORDS[value["type"]] + limits


def _compose_rows() -> Iterator[str]:
    for meaning, variable, default in re.findall(r"^# (.+)\n([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE):
        yield f"| `{variable}` | {f'`{default}`' if default else ''} | {meaning} |\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
