"""The shape of mosaic.config.json: which keys exist, of which type. `tiers.rules` has what a shape cannot say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from tiers.problems import Problem, did_you_mean, join_path, one_of

CONFIG_VERSION = 1
TEAM_ALIAS = "team"  # the old word for standalone
TEAM_ALIAS_ENDS = "2.0"  # the version that no longer understands it


class Tier(StrEnum):
    """How an install stores its data."""

    LOCAL = "local"
    STANDALONE = "standalone"
    FEDERATED = "federated"


TIER_WORDS = {**{tier.value: tier for tier in Tier}, TEAM_ALIAS: Tier.STANDALONE}  # what a file may write for a tier


def tier_of(document: dict[str, Any]) -> Tier | None:
    """Return the tier that a document names, by its old word too; None where it names none."""
    word = document.get("tier")
    return TIER_WORDS.get(word) if isinstance(word, str) else None


def words_of(tier: Tier) -> tuple[str, ...]:
    """Return the words for a tier, today's first."""
    return tuple(word for word, found in TIER_WORDS.items() if found is tier)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    # JSON has no comments; this key is one that every JSON tool keeps (docs/decisions/0003).
    comment_: Annotated[str | None, Field(alias="$comment", description="A remark for people; kept and ignored")] = None


Text = Annotated[str, Field(min_length=1)]
SecretFile = Annotated[
    str | None,
    Field(default=None, min_length=1, description="File that holds the password, relative to this file; not together "
          "with a password in the URL"),
]  # fmt: skip


class PgliteDocument(_Part):
    """PostgreSQL compiled to WASM: a folder, one process."""

    type: Literal["pglite"]
    dataDir: Text = Field(description="Data folder, relative to this file")  # noqa: N815 - the file's own key


class PostgresDocument(_Part):
    """A PostgreSQL server."""

    type: Literal["postgres"]
    url: Text = Field(description="postgresql://USER:${VARIABLE}@HOST:PORT/DATABASE")
    passwordFile: SecretFile = None  # noqa: N815 - the file's own key
    enableVector: bool = Field(False, description="Use the pgvector extension")  # noqa: N815 - the file's own key


class LocalQueueDocument(_Part):
    """Jobs run inside the gateway's process and are lost with it."""

    type: Literal["local"]


class ValkeyQueueDocument(_Part):
    """The Valkey-backed queue; existing files carry the word."""

    type: Literal["bullmq"]
    url: Text = Field(description="redis://:${VARIABLE}@HOST:PORT/NUMBER, rediss:// with TLS")
    passwordFile: SecretFile = None  # noqa: N815 - the file's own key


class MemoryDocument(_Part):
    """How insights are searched."""

    type: Literal["keyword", "pgvector"]


StorageDocument = Annotated[PgliteDocument | PostgresDocument, Field(discriminator="type")]
QueueDocument = Annotated[LocalQueueDocument | ValkeyQueueDocument, Field(discriminator="type")]


class ConfigDocument(_Part):
    """mosaic.config.json, version 1."""

    schema_: Annotated[str | None, Field(alias="$schema", description="For editors; ignored")] = None
    version: Literal[1]
    tier: Literal["local", "standalone", "federated", "team"] = Field(
        description=f'"team" is the old word for "standalone"; it stops working in version {TEAM_ALIAS_ENDS}'
    )
    storage: StorageDocument
    queue: QueueDocument
    memory: MemoryDocument


_MODELS: dict[tuple[str, ...], type[_Part]] = {
    (): ConfigDocument,
    ("storage", "pglite"): PgliteDocument,
    ("storage", "postgres"): PostgresDocument,
    ("queue", "local"): LocalQueueDocument,
    ("queue", "bullmq"): ValkeyQueueDocument,
    ("memory",): MemoryDocument,
}
_SECTIONS = ("storage", "queue", "memory")


def config_shape() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the file's shape; `tiers.rules.config_schema` adds the rules per tier."""
    schema = ConfigDocument.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:mosaic:config:{CONFIG_VERSION}",
        "title": "mosaic.config.json",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def check_shape(document: dict[str, Any]) -> tuple[ConfigDocument | None, list[Problem]]:
    """Return the typed document, or every problem of its shape."""
    if document.get("version") is True:  # equals 1 in Python, and is not 1 in JSON
        document = {**document, "version": None}
    try:
        return ConfigDocument.model_validate(document), []
    except ValidationError as exc:
        return None, [_problem(item, document) for item in exc.errors(include_url=False, include_context=True)]


@dataclass(frozen=True)
class Parts:
    """The parts of a document whose shape is right, whatever the others are like; None where it is wrong."""

    tier: Tier | None
    storage: PgliteDocument | PostgresDocument | None
    queue: LocalQueueDocument | ValkeyQueueDocument | None
    memory: MemoryDocument | None


_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "storage": TypeAdapter(StorageDocument),
    "queue": TypeAdapter(QueueDocument),
    "memory": TypeAdapter(MemoryDocument),
}


def usable_parts(document: dict[str, Any]) -> Parts:
    """Return what can be checked further, so that one wrong key hides no other problem."""
    return Parts(tier_of(document), *(_usable(name, document.get(name)) for name in _SECTIONS))


def _usable(name: str, value: Any) -> Any:
    try:
        return _ADAPTERS[name].validate_python(value)
    except ValidationError:
        return None


def keys_of(model: type[_Part]) -> list[str]:
    """Return the keys a section knows, as the file spells them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _problem(item: ErrorDetails, document: dict[str, Any]) -> Problem:
    """Word one pydantic error; its own text and input stay behind."""
    location = tuple(item["loc"])
    path = _path_of(location)
    kind = item["type"]
    if kind == "extra_forbidden":
        return _unknown_key(location, path)
    if kind == "missing":
        return Problem(path, "is missing", f'Add "{location[-1]}"; docs/configuration.md has an example of each tier.')
    if location == ("version",):
        return _wrong_version()
    if kind in ("literal_error", "union_tag_invalid"):
        return _unknown_word(location, path, document)
    if kind == "union_tag_not_found":
        words = _words_of(location)
        return Problem(join_path(path, "type"), "is missing", f'Add "type": {one_of(words)}.')
    if kind == "string_too_short":
        return Problem(path, "is set and empty", "Give it a value, or remove the key where it is optional.")
    expected = _EXPECTED.get(kind, "what the schema says: `mosaic config schema`")
    return Problem(path, f"is not {expected}", f"Write {path or 'it'} as {expected}.")


_EXPECTED = {
    "string_type": "a text in quotes",
    "bool_type": "true or false, without quotes",
    "model_type": "an object {…}",
    "model_attributes_type": "an object {…}",
    "dict_type": "an object {…}",
}


def _path_of(location: tuple[str | int, ...]) -> str:
    """Drop the union tag that pydantic puts after `storage` and `queue`."""
    if len(location) > 1 and location[:2] in _MODELS:
        location = (location[0], *location[2:])
    return join_path(*location)


def _unknown_key(location: tuple[str | int, ...], path: str) -> Problem:
    key, parent = str(location[-1]), tuple(str(part) for part in location[:-1])
    known = keys_of(_MODELS.get(parent, ConfigDocument))
    siblings = [
        name for name, model in _MODELS.items() if name != parent and name[:1] == parent[:1] and key in keys_of(model)
    ]
    if parent and siblings:
        return Problem(
            path,
            f'does not belong to "type": "{parent[-1]}"',
            f'Remove it, or set "type": "{siblings[0][-1]}", which has it.',
        )
    hint = did_you_mean(key, known)
    return Problem(path, f"is not a known key.{hint}", f"Use one of {', '.join(known)}, or remove it.")


def _unknown_word(location: tuple[str | int, ...], path: str, document: dict[str, Any]) -> Problem:
    section = str(location[0])
    given: Any = document.get(section)
    if section in _SECTIONS:
        path = join_path(section, "type")
        given = given.get("type") if isinstance(given, dict) else None
    words = _words_of(location)
    hint = did_you_mean(given, words) if isinstance(given, str) else ""
    return Problem(path, f"is not one of {one_of(words)}.{hint}", f"Write one of {one_of(words)}.")


def _words_of(location: tuple[str | int, ...]) -> list[str]:
    if location[0] in ("storage", "queue"):
        return [name[1] for name in _MODELS if name[:1] == location[:1] and len(name) == 2]
    field = MemoryDocument.model_fields["type"] if location[0] == "memory" else ConfigDocument.model_fields["tier"]
    return [str(word) for word in get_args(field.annotation) if word != TEAM_ALIAS]


def _wrong_version() -> Problem:
    return Problem(
        "version",
        f"is not {CONFIG_VERSION}",
        f'Write "version": {CONFIG_VERSION}. A file of a newer version needs a newer Mosaic Admin.',
    )
