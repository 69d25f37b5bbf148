"""Hundreds of generated documents: schema and validator agree, nothing crashes, no planted secret comes out."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import tiers
from mosaic_admin.errors import MosaicError
from tests.fuzzing import MANY
from tiers.config import ConfigError, config_schema, resolve_document
from tiers.reading import parse_document
from tiers.rules import tier_problems
from tiers.schema import TEAM_ALIAS, TIER_WORDS, Tier, check_shape

CANARY = "zq7-canary-4711"
DEFAULTS = [tiers.DEFAULT_LOCAL_CONFIG, tiers.DEFAULT_STANDALONE_CONFIG, tiers.DEFAULT_FEDERATED_CONFIG]
KEYS = ["version", "tier", "storage", "queue", "memory", "type", "url", "dataDir", "enableVector", "passwordFile",
        "$schema", "$comment", "Url", "extra", ""]  # fmt: skip
WORDS = ["local", "standalone", "federated", "team", "pglite", "postgres", "bullmq", "keyword", "pgvector", ""]
LEAVES = st.one_of(
    st.none(), st.booleans(), st.sampled_from([0, 1, 2, -1, 1.0, 1.5]), st.sampled_from(WORDS), st.text(max_size=5)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)


VALIDATOR = Draft202012Validator(config_schema())


@st.composite
def documents(draw: st.DrawFn, values: st.SearchStrategy[Any] = VALUES) -> dict[str, Any]:
    """A default with up to three edits: a key set, removed or replaced, at the top or in a section."""
    document: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(DEFAULTS)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from([None, "storage", "queue", "memory"]))
        target = document.get(place) if place else document
        if not isinstance(target, dict):
            continue
        if draw(st.booleans()) and target:
            target.pop(draw(st.sampled_from(sorted(target))))
        else:
            target[draw(st.sampled_from(KEYS))] = draw(values)
    return document


def test_the_schema_itself_is_valid() -> None:
    Draft202012Validator.check_schema(config_schema())


@MANY
@given(documents())
def test_schema_and_validator_agree_on_every_document(document: dict[str, Any]) -> None:
    """Shape and tier rules; what stands in an address or behind a variable, no schema can say."""
    shaped, problems = check_shape(document)
    assert (shaped is None) == bool(problems)
    if shaped is not None:
        problems = tier_problems(shaped, TIER_WORDS[shaped.tier])
    assert (not problems) == VALIDATOR.is_valid(document), (problems, document)


@pytest.mark.parametrize("tier", [*Tier, TEAM_ALIAS])
@pytest.mark.parametrize("storage", ["pglite", "postgres", "vectors"])
@pytest.mark.parametrize("queue", ["local", "bullmq"])
@pytest.mark.parametrize("memory", ["keyword", "pgvector"])
def test_schema_and_validator_agree_on_every_combination(tier: str, storage: str, queue: str, memory: str) -> None:
    parts = {
        "pglite": tiers.DEFAULT_LOCAL_CONFIG["storage"],
        "postgres": {"type": "postgres", "url": "postgresql://h/d"},
        "vectors": {"type": "postgres", "url": "postgresql://h/d", "enableVector": True, "$comment": "a remark"},
        "local": {"type": "local"},
        "bullmq": {"type": "bullmq", "url": "redis://h"},
    }
    document = {"version": 1, "tier": tier, "storage": parts[storage], "queue": parts[queue]}
    document = {**document, "memory": {"type": memory}, "$comment": "another"}
    try:
        resolve_document(document, environ={})
        is_accepted = True
    except ConfigError:
        is_accepted = False
    assert is_accepted == VALIDATOR.is_valid(document)


SECRETS = st.sampled_from(
    [
        CANARY,
        f"postgresql://u:{CANARY}@h:5432/d",
        f"postgresql://u:{CANARY}@h:99999/d",
        f"postgresql://u:{CANARY}@[::1/d",
        f"mysql://u:{CANARY}@h/d",
        f"postgresql://h/d?password={CANARY}",
        f"redis://:{CANARY}@h:6379/x",
        f"redis://{CANARY}@h:6379/0",
        f"host=h password='{CANARY}'",
        "${CANARY_KEY}",
        "postgresql://u:${CANARY_KEY}@h/d",
        f"${{NOPE_SECRET:-{CANARY}}}",
        f"${{{CANARY}",
        f"$${{{CANARY}}}",
        [CANARY],
        {"password": CANARY},
    ]
).map(copy.deepcopy)  # a mutation may land inside an earlier one: shared, it would end up inside itself


def _said(content: str | dict[str, Any]) -> str:
    """Everything that anybody gets to see of one attempt to use a document."""
    try:
        document = parse_document(content, source="f.json") if isinstance(content, str) else content
        config = resolve_document(document, environ={"CANARY_KEY": CANARY})
    except MosaicError as exc:
        return "\n".join([exc.message, exc.remediation, repr(exc), json.dumps(exc.as_dict())])
    shown = [
        value.as_dict() for value in config.effective() if value.path != "storage.dataDir" or value.source != "file"
    ]
    return json.dumps([shown, [warning.as_dict() for warning in config.warnings]]) + repr(config.queue)


@MANY
@given(documents(values=SECRETS))
def test_a_planted_secret_never_comes_out(document: dict[str, Any]) -> None:
    assert CANARY not in _said(document)


@MANY
@given(documents(values=SECRETS), st.data())
def test_broken_text_is_a_clear_error_without_the_text(document: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(document, indent=1)
    start = data.draw(st.integers(0, len(text)))
    broken = (
        text[:start]
        + data.draw(st.sampled_from(["", "}", '"', ",", "\0", "\ud800", "[" * 50]))
        + text[data.draw(st.integers(start, len(text))) :]
    )
    assert CANARY not in _said(broken)
