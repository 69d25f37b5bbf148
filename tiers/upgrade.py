"""Rewrite a file to today's words, touching only the words: formatting and order of keys stay."""

from __future__ import annotations

import difflib
import re
from typing import Any

from tiers.masking import pretty, redact_text
from tiers.problems import ConfigError
from tiers.reading import parse_document
from tiers.schema import CONFIG_VERSION, TEAM_ALIAS, Tier

_TIER = re.compile(rf'("tier"\s*:\s*)"{TEAM_ALIAS}"')
_START = re.compile(r"^(\ufeff?\s*\{)(\s*)")


def upgraded_text(text: str, *, source: str) -> str:
    """Return the text with old words replaced; the same text when there are none. Raises ConfigError when not JSON."""
    document = parse_document(text, source=source)
    wanted = upgraded_document(document)
    if wanted == document:
        return text
    candidate = text
    if document.get("tier") == TEAM_ALIAS:
        candidate = _TIER.sub(rf'\1"{Tier.STANDALONE}"', candidate, count=1)
    if "version" not in document:
        candidate = _START.sub(rf'\1\2"version": {CONFIG_VERSION},\2', candidate, count=1)
    # The pattern may have met the words inside another value: then the whole file is written anew.
    return candidate if _is(candidate, wanted, source) else pretty(wanted)


def upgraded_document(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document in today's words."""
    changed = document if "version" in document else {"version": CONFIG_VERSION, **document}
    return {**changed, "tier": str(Tier.STANDALONE)} if changed.get("tier") == TEAM_ALIAS else changed


def text_diff(before: str, after: str, *, name: str) -> str:
    """Return a unified diff without secrets."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, f"{name} (upgraded)", lineterm="")
    return redact_text("\n".join(lines))


def _is(text: str, wanted: dict[str, Any], source: str) -> bool:
    try:
        return parse_document(text, source=source) == wanted
    except ConfigError:
        return False
