"""From bytes to a JSON object. Whatever stands in the file: a ConfigError, never a crash, never the content."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

from tiers import codes
from tiers.problems import ConfigError, ConfigFileError, Problem, join_path

LARGEST_FILE = 1_000_000  # bytes; a real file has about 500
DEEPEST = 32  # levels; a real file has 2


def read_bytes(path: Path) -> bytes:
    """Read the file, at most one byte more than `LARGEST_FILE`. Raises ConfigFileError."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ConfigFileError(
            f"{path} does not exist.",
            remediation=f"Create it, or set MOSAIC_CONFIG to the file; `mosaic config validate {path}` checks it.",
            path=str(path),
        ) from None
    except OSError as exc:
        raise ConfigFileError(
            f"{path} cannot be read (errno {exc.errno}).",
            remediation=f"Let the user of this process read it: `chmod u+r {path}` and every folder above it.",
            code=codes.CONFIG_MISSING,
            path=str(path),
        ) from None


def parse_document(content: bytes | str, *, source: str) -> dict[str, Any]:
    """Return the JSON object in `content`. Raises ConfigError with the line and column, without the text there."""
    if len(content) > LARGEST_FILE:
        raise _error(source, f"is larger than {LARGEST_FILE:,} bytes", "Keep only the keys of mosaic.config.json.")
    duplicates: list[str] = []
    try:
        value = json.loads(
            _decode(content, source),
            object_pairs_hook=lambda pairs: _object(pairs, duplicates),
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as exc:
        if exc.doc[exc.pos :].lstrip().startswith(_COMMENTS):
            raise _error(source, f"has a comment at line {exc.lineno}, and JSON has none", _COMMENT) from None
        raise _error(
            source,
            f"is not JSON: line {exc.lineno}, column {exc.colno}",
            "Correct the line: look for a missing comma or quote, or a comma too many.",
        ) from None
    except (RecursionError, ValueError):  # ValueError: NaN, or a number of thousands of digits
        raise _error(source, "has a number or a nesting that JSON files of ours never have", _SHAPE) from None
    if not isinstance(value, dict):
        raise _error(source, "is JSON, and not an object", _SHAPE)
    if _depth(value) > DEEPEST:
        raise _error(source, f"is nested more than {DEEPEST} levels deep", _SHAPE)
    if _has_half_characters(value):
        raise _error(source, "has half of a UTF-16 pair (\\ud800 to \\udfff) in a text", "Write the character itself.")
    if duplicates:
        raise ConfigError([_duplicate(key) for key in duplicates], source=source)
    return value


_SHAPE = (
    'Start from an example: `mosaic config schema`, or docs/configuration.md. The file begins with {"version": 1, …'
)


_COMMENTS = ("//", "/*", "#")
_COMMENT = 'Write it as a key, which every tool keeps: "$comment": "…", at the top or in a section.'


def _decode(content: bytes | str, source: str) -> str:
    """Decode UTF-8; a byte order mark, which some editors write, is dropped."""
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _error(source, "is UTF-16", "Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise _error(source, f"is not UTF-8: byte {exc.start + 1}", "Save it as UTF-8.") from None


def _error(source: str, reason: str, remedy: str) -> ConfigError:
    return ConfigError([Problem("", reason, remedy)], source=source)


def _object(pairs: list[tuple[str, Any]], duplicates: list[str]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        duplicates.extend(key for key in found if keys.count(key) > 1)
    return found


def _duplicate(key: str) -> Problem:
    return Problem(
        join_path(key), "stands twice in the same object", "Keep one of the two: JSON readers differ on which wins."
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError("not a JSON number")


def _has_half_characters(value: Any) -> bool:
    """Find what JSON escapes allow and UTF-8 does not: no file, database or page could take it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _depth(value: Any) -> int:
    """Measure without recursion: what came through the parser may still be deeper than our stack likes."""
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
            if isinstance(child, dict | list)
        ]
    return deepest
