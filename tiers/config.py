"""mosaic.config.json, resolved: shape, variables, secret files and tier rules, every problem at once.

load_config(path) -> ResolvedConfig          resolve_document(document, base_dir=…) -> ResolvedConfig
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

from mosaic_admin.redaction import MASK, display_url, remember_secret
from tiers import codes
from tiers.masking import mask_url
from tiers.parameters import POSTGRES_SCHEMES
from tiers.problems import ConfigError, ConfigFileError, ConfigWarning, Problem
from tiers.reading import parse_document, read_bytes
from tiers.rules import VALKEY_SCHEMES, config_schema, tier_problems, url_problem
from tiers.schema import (
    TEAM_ALIAS,
    TEAM_ALIAS_ENDS,
    ConfigDocument,
    LocalQueueDocument,
    Parts,
    PgliteDocument,
    PostgresDocument,
    Tier,
    ValkeyQueueDocument,
    check_shape,
    tier_of,
    usable_parts,
)
from tiers.variables import Reader

__all__ = [
    "TEAM_ALIAS", "TEAM_ALIAS_ENDS", "ConfigError", "ConfigFileError", "ConfigWarning", "EffectiveValue",
    "LocalQueue", "Memory", "PgliteStorage", "PostgresStorage", "Problem", "ResolvedConfig", "Tier", "ValkeyQueue",
    "config_schema", "load_config", "parse_document", "read_document", "resolve_document", "split_problems",
]  # fmt: skip

logger = logging.getLogger("mosaic.config")
_POSTGRES_EXAMPLE = "postgresql://USER:${VARIABLE}@HOST:PORT/DATABASE"
_VALKEY_EXAMPLE = "redis://:${VARIABLE}@HOST:PORT/0 (rediss:// with TLS)"
_warned: set[str] = set()


@dataclass(frozen=True)
class PgliteStorage:
    data_dir: Path
    type: Literal["pglite"] = "pglite"

    @property
    def display(self) -> str:
        return str(self.data_dir)


@dataclass(frozen=True)
class PostgresStorage:
    url: str = field(repr=False)
    enable_vector: bool = False
    type: Literal["postgres"] = "postgres"

    @property
    def display(self) -> str:
        """`host:port/database`."""
        return display_url(self.url)


@dataclass(frozen=True)
class LocalQueue:
    type: Literal["local"] = "local"

    @property
    def display(self) -> str:
        return "in process"


@dataclass(frozen=True)
class ValkeyQueue:
    url: str = field(repr=False)
    type: Literal["bullmq"] = "bullmq"

    @property
    def display(self) -> str:
        return display_url(self.url)


@dataclass(frozen=True)
class Memory:
    type: Literal["keyword", "pgvector"]


@dataclass(frozen=True)
class EffectiveValue:
    """One value as it is used, secrets masked; `source` is file, env NAME, default, or secret file PATH."""

    path: str
    value: str
    source: str

    def as_dict(self) -> dict[str, str]:
        return {"path": self.path, "value": self.value, "source": self.source}


@dataclass(frozen=True)
class ResolvedConfig:
    """A configuration that is complete and obeys the rules of its tier. `repr` holds no secret."""

    tier: Tier
    storage: PgliteStorage | PostgresStorage
    queue: LocalQueue | ValkeyQueue
    memory: Memory
    warnings: tuple[ConfigWarning, ...] = ()
    values: tuple[EffectiveValue, ...] = ()

    def effective(self) -> list[EffectiveValue]:
        """Return every value with its source, in the order of the file."""
        return list(self.values)


def read_document(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file, unresolved. Raises ConfigFileError, ConfigError."""
    return parse_document(read_bytes(path), source=path.name)


def load_config(path: Path | str, *, environ: Mapping[str, str] | None = None) -> ResolvedConfig:
    """Read, check and resolve a file. Raises ConfigFileError, or ConfigError with every problem."""
    path = Path(path)
    document = read_document(path)
    return resolve_document(document, base_dir=path.resolve().parent, environ=environ, source=path.name)


def resolve_document(
    document: dict[str, Any],
    *,
    base_dir: Path = Path(),
    environ: Mapping[str, str] | None = None,
    source: str = "mosaic.config.json",
) -> ResolvedConfig:
    """Check a document against shape and rules, and resolve it. Raises ConfigError with every problem.

    Addresses and tier rules are checked in every part whose shape is right, whatever the other parts are like.
    """
    shaped, problems = check_shape(document)
    reader = Reader(Path(base_dir), os.environ if environ is None else environ)
    parts = Parts(tier_of(document), shaped.storage, shaped.queue, shaped.memory) if shaped else usable_parts(document)
    storage = _storage(parts.storage, reader) if parts.storage else None
    queue = _queue(parts.queue, reader) if parts.queue else None
    problems += [*reader.problems, *(tier_problems(parts, parts.tier) if parts.tier else ())]
    if problems or shaped is None or parts.tier is None or storage is None or queue is None:
        raise ConfigError(problems, source=source)
    warnings = (*_alias_warnings(shaped), *reader.warnings)
    values = tuple(_effective(shaped, parts.tier, storage, queue, reader))
    return ResolvedConfig(parts.tier, storage, queue, Memory(shaped.memory.type), warnings, values)


def split_problems(document: dict[str, Any], *, base_dir: Path) -> tuple[list[Problem], list[Problem]]:
    """Return what is wrong with the document, and what is missing around it (variables, secret files) on this host."""
    try:
        resolve_document(document, base_dir=base_dir)
    except ConfigError as exc:
        inside = [problem for problem in exc.problems if not problem.is_outside]
        return inside, [problem for problem in exc.problems if problem.is_outside]
    return [], []


def _storage(part: PgliteDocument | PostgresDocument, reader: Reader) -> PgliteStorage | PostgresStorage:
    if isinstance(part, PgliteDocument):
        folder = reader.expand("storage.dataDir", part.dataDir)
        if not folder.isprintable():
            reason = "has a character that no folder of ours has"
            reader.problems.append(Problem("storage.dataDir", reason, "Write a plain path, relative to the file."))
        return PgliteStorage(reader.base_dir / folder)
    url = _address(reader, "storage", part, POSTGRES_SCHEMES, _POSTGRES_EXAMPLE)
    return PostgresStorage(url, part.enableVector)


def _queue(part: LocalQueueDocument | ValkeyQueueDocument, reader: Reader) -> LocalQueue | ValkeyQueue:
    if not isinstance(part, ValkeyQueueDocument):
        return LocalQueue()
    return ValkeyQueue(_address(reader, "queue", part, VALKEY_SCHEMES, _VALKEY_EXAMPLE))


def _address(
    reader: Reader, section: str, part: PostgresDocument | ValkeyQueueDocument, schemes: tuple[str, ...], example: str
) -> str:
    """Return the URL with its password, from wherever that comes."""
    path = f"{section}.url"
    known = len(reader.problems)
    url = reader.expand(path, part.url)
    if len(reader.problems) == known and (problem := url_problem(path, url, schemes, example)):
        reader.problems.append(problem)
    if len(reader.problems) > known:
        return url
    _remember(url)
    return url if part.passwordFile is None else _with_password_file(reader, section, url, part.passwordFile)


def _with_password_file(reader: Reader, section: str, url: str, name: str) -> str:
    path = f"{section}.passwordFile"
    parts = urlsplit(url)
    if parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True):
        reader.problems.append(
            Problem(path, f"a password stands in {section}.url as well", f"Remove it from {section}.url.")
        )
        return url
    password = reader.read_secret(path, reader.expand(path, name))
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user if at else ''}:{quote(password, safe='')}@{host}"))


def _remember(url: str) -> None:
    parts = urlsplit(url)
    passwords = [value for key, found in parse_qs(parts.query).items() if "pass" in key.lower() for value in found]
    remember_secret(unquote(parts.password or ""), *passwords)


def _alias_warnings(document: ConfigDocument) -> tuple[ConfigWarning, ...]:
    """Return the warning for the old word, and log it the first time in this process."""
    if document.tier != TEAM_ALIAS:
        return ()
    warning = ConfigWarning(
        codes.TEAM_ALIAS,
        "tier",
        f'"tier": "{TEAM_ALIAS}" is the old word for "{Tier.STANDALONE}". '
        f"It stops working in version {TEAM_ALIAS_ENDS}.",
        "Run `mosaic config upgrade`; it shows the change first.",
    )
    if TEAM_ALIAS not in _warned:
        _warned.add(TEAM_ALIAS)
        logger.warning("%s %s Fix: %s", warning.code.id, warning.message, warning.remediation)
    return (warning,)


def _effective(
    document: ConfigDocument,
    tier: Tier,
    storage: PgliteStorage | PostgresStorage,
    queue: LocalQueue | ValkeyQueue,
    reader: Reader,
) -> list[EffectiveValue]:
    """List what is used. A key the file leaves out shows with the source `default`."""

    def line(path: str, value: str, *, is_default: bool = False) -> EffectiveValue:
        is_free = path.endswith((".url", ".dataDir"))  # elsewhere stand our own words, which a password may equal
        for secret in reader.secrets if is_free else ():
            value = value.replace(secret, MASK)
        return EffectiveValue(path, value, reader.sources.get(path, "default" if is_default else "file"))

    lines = [line("version", str(document.version)), line("tier", str(tier)), line("storage.type", storage.type)]
    if isinstance(storage, PgliteStorage):
        lines.append(line("storage.dataDir", storage.display))
    if isinstance(storage, PostgresStorage) and isinstance(document.storage, PostgresDocument):
        has_flag = "enableVector" in document.storage.model_fields_set
        lines += [line("storage.url", mask_url(storage.url)), *_secret_file("storage", document.storage, reader)]
        lines.append(line("storage.enableVector", str(storage.enable_vector).lower(), is_default=not has_flag))
    lines.append(line("queue.type", queue.type))
    if isinstance(queue, ValkeyQueue) and isinstance(document.queue, ValkeyQueueDocument):
        lines += [line("queue.url", mask_url(queue.url)), *_secret_file("queue", document.queue, reader)]
    return [*lines, line("memory.type", document.memory.type)]


def _secret_file(section: str, part: PostgresDocument | ValkeyQueueDocument, reader: Reader) -> list[EffectiveValue]:
    if part.passwordFile is None:
        return []
    file = reader.base_dir / part.passwordFile
    return [EffectiveValue(f"{section}.passwordFile", MASK, f"secret file {file}")]
