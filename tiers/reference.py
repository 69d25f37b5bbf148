"""Writes what docs say about the keys from the schema itself: `python -m tiers.reference`; a test holds it current."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tiers.rules import RULES, config_schema
from tiers.schema import CONFIG_VERSION

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "configuration.md"
SCHEMA = DOCS / "schema" / f"mosaic.config-{CONFIG_VERSION}.json"
BEGIN, END = "<!-- written by python -m tiers.reference -->", "<!-- end of what is written -->"


def schema_text() -> str:
    """Return the published schema file."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


def reference() -> str:
    """Return the table of every key, and of what each tier demands."""
    schema = config_schema()
    lines = ["| key | takes | | meaning |", "|---|---|---|---|", *_rows(schema, schema, "")]
    lines += ["", "| tier | demands |", "|---|---|"]
    for tier, rules in RULES.items():
        demands = ", ".join(f"`{rule.path}` = `{json.dumps(rule.value)}`" for rule in rules)
        lines.append(f"| `{tier}` | {demands} |")
    return "\n".join(lines)


def with_reference(page: str) -> str:
    """Return the page with the written part renewed."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{reference()}\n{END}{rest.partition(END)[2]}"


def _rows(schema: dict[str, Any], part: dict[str, Any], prefix: str, note: str = "") -> Iterator[str]:
    for key, value in part["properties"].items():
        path = f"{prefix}{key}"
        if key == "$comment" and prefix:
            continue  # the first row says that every section takes it
        sections = [schema["$defs"][ref.rpartition("/")[2]] for ref in _references(value)]
        if sections:
            for section in sections:
                kind = section["properties"]["type"].get("const")
                yield from _rows(schema, section, f"{path}.", f"`{kind}`" if kind else "")
            continue
        about = value.get("description") or (part.get("description", "") if key == "type" else "")
        need = " ".join(filter(None, (_need(key, value, part), f"with {note}" if note and key != "type" else "")))
        yield f"| `{path}` | {_takes(value)} | {need} | {about} |"


def _need(key: str, value: dict[str, Any], part: dict[str, Any]) -> str:
    if key in part.get("required", ()):
        return "required"
    return "default `false`" if value.get("default") is False else ""


def _references(value: dict[str, Any]) -> list[str]:
    options = value.get("oneOf") or value.get("anyOf") or [value]
    return [option["$ref"] for option in options if "$ref" in option]


def _takes(value: dict[str, Any]) -> str:
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return " ".join(f"`{json.dumps(word)}`" for word in value["enum"])
    kinds = [option.get("type") for option in value.get("anyOf", [value])]
    words = {"string": "text", "boolean": "`true` `false`", "null": ""}
    return " ".join(filter(None, (words[kind] for kind in kinds)))


if __name__ == "__main__":
    PAGE.write_text(with_reference(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMA.parent.mkdir(exist_ok=True)
    SCHEMA.write_text(schema_text(), encoding="utf-8")
