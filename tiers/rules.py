"""What each tier demands beyond the shape of the file: one table, for the validator and for the JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from tiers.parameters import POSTGRES_SCHEMES, parameter_problem
from tiers.problems import Problem
from tiers.schema import ConfigDocument, Parts, PostgresDocument, Tier, config_shape, words_of

_NO_CODE = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")  # a percent sign that begins no character, to libpq
VALKEY_SCHEMES = ("redis", "rediss", "valkey", "valkeys")


@dataclass(frozen=True)
class Rule:
    """At `path` a tier takes `value` and nothing else; `reason` completes “the tier "x" …”."""

    path: str
    value: str | bool
    reason: str
    wanted: str

    @property
    def shown(self) -> str:
        """Return the value as the file spells it."""
        return json.dumps(self.value).strip('"')

    def problem(self, tier: Tier) -> Problem:
        remedy = f'Write {self.wanted}, or choose another "tier".'
        return Problem(self.path, f'the tier "{tier}" {self.reason}', remedy)


_POSTGRES = Rule("storage.type", "postgres", "stores in PostgreSQL", '"type": "postgres" and "url"')
_KEYWORD = Rule("memory.type", "keyword", "searches by keyword", '"type": "keyword"')
RULES: Mapping[Tier, tuple[Rule, ...]] = {
    Tier.LOCAL: (
        Rule("storage.type", "pglite", "stores in PGlite", '"type": "pglite" and "dataDir"'),
        Rule("queue.type", "local", "runs its queue in the process", '"type": "local"'),
        _KEYWORD,
    ),
    Tier.STANDALONE: (
        _POSTGRES,
        Rule("storage.enableVector", False, "works without pgvector", '"enableVector": false'),
        _KEYWORD,
    ),
    Tier.FEDERATED: (
        _POSTGRES,
        Rule("storage.enableVector", True, "needs pgvector", '"enableVector": true'),
        Rule("queue.type", "bullmq", "needs the Valkey queue", '"type": "bullmq" and "url"'),
        Rule("memory.type", "pgvector", "searches with pgvector", '"type": "pgvector"'),
    ),
}


def tier_problems(parts: Parts | ConfigDocument, tier: Tier) -> list[Problem]:
    """Return where storage, queue and memory contradict the tier. Nothing is ever adjusted silently."""
    return [rule.problem(tier) for rule in RULES[tier] if not _is_met(rule, parts)]


def _is_met(rule: Rule, parts: Parts | ConfigDocument) -> bool:
    section, key = rule.path.split(".")
    part = getattr(parts, section)
    if part is None or (key == "enableVector" and not isinstance(part, PostgresDocument)):
        return True  # what has no shape, or another engine, is a problem of its own
    return bool(getattr(part, key) == rule.value)


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the file: its shape, and per tier what the table above demands."""
    return {**config_shape(), "allOf": [_tier_schema(tier, rules) for tier, rules in RULES.items()]}


def _tier_schema(tier: Tier, rules: tuple[Rule, ...]) -> dict[str, Any]:
    sections: dict[str, Any] = {}
    for rule in rules:
        name, key = rule.path.split(".")
        section = sections.setdefault(name, {"properties": {}})
        section["properties"][key] = {"const": rule.value}
        if rule.value is True:  # left out means false
            section["required"] = [key]
    condition = {"properties": {"tier": {"enum": list(words_of(tier))}}, "required": ["tier"]}
    return {"if": condition, "then": {"properties": sections}}


def url_problem(path: str, url: str, schemes: tuple[str, ...], example: str) -> Problem | None:
    """Return what is wrong with a resolved address, without a character of it."""
    remedy = f"Write {example}; special characters in the password are percent-encoded (@ is %40, / is %2F)."
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname
    except ValueError:
        return Problem(path, "is not an address that can be read", remedy)
    if parts.scheme not in schemes or not url.startswith(parts.scheme):  # no driver reads it in capitals
        return Problem(path, f"does not begin with {schemes[0]}://", remedy)
    if not host or port == 0 or any(char.isspace() or not char.isprintable() for char in url):
        return Problem(path, "has no usable host or port", remedy)
    if schemes is POSTGRES_SCHEMES and len(parts.path.strip("/")) == 0:
        return Problem(path, "names no database", remedy)
    if schemes is VALKEY_SCHEMES and "," in host:
        return Problem(path, "names several hosts, and the queue is on one", remedy)
    if schemes is VALKEY_SCHEMES and not _is_number(parts.path.strip("/") or "0"):
        return Problem(path, "has a database that is not a number", remedy)
    if schemes is POSTGRES_SCHEMES and (parts.netloc.count("@") > 1 or parts.fragment or _NO_CODE.search(url)):
        return Problem(path, "has a character that its driver reads as something else (@, # or %)", remedy)
    if problem := parameter_problem(path, url):
        return problem
    if "•" in unquote(url):
        return Problem(
            path, "holds the mask ••• instead of a password", "Write the password again, or better: passwordFile."
        )
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
