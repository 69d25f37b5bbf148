"""Problems of a configuration, all of them at once, each with its path, the reason and a remedy. Never a value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mosaic_admin.codes import Code
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact
from tiers import codes

LONGEST_KEY = 60  # characters of an unknown key that a message repeats


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong: `path` is dotted (`storage.url`), empty for the document as a whole.

    `is_outside`: the document is right, and this host lacks something it refers to.
    """

    path: str
    reason: str
    remedy: str
    is_outside: bool = False

    def as_dict(self) -> dict[str, str]:
        return {"path": self.path, "reason": self.reason, "remedy": self.remedy}

    def __str__(self) -> str:
        return f"{self.path or 'the document'}: {self.reason}"


@dataclass(frozen=True)
class ConfigWarning:
    """Something that works today and should be changed."""

    code: Code
    path: str
    message: str
    remediation: str

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code.id, "path": self.path, "message": self.message, "remediation": self.remediation}


class ConfigError(MosaicError):
    """The configuration cannot be used; `problems` has everything that is wrong with it."""

    code = codes.CONFIG_INVALID

    def __init__(self, problems: Iterable[Problem], *, source: str, code: Code | None = None) -> None:
        self.problems = tuple(sorted(set(problems)))
        self.source = source
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        remedies = list(dict.fromkeys(problem.remedy for problem in self.problems))
        super().__init__(
            f"{source} has {count}.{lines}",
            remediation=" ".join(remedies[:3]) + (" `mosaic config validate` lists the rest." if remedies[3:] else ""),
            code=code,
            source=source,
            problems=[problem.as_dict() for problem in self.problems],
        )


class ConfigFileError(MosaicError):
    """The file itself cannot be read or written."""

    code = codes.CONFIG_MISSING


def join_path(*parts: str | int) -> str:
    """Return `storage.url` or `items[2].name`; unknown keys are shortened and stripped of control characters."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += ("." if path else "") + show_key(part)
    return path


def show_key(key: str) -> str:
    """Return a key as it may be printed: one line, not endless, nothing that looks like a secret."""
    printable = "".join(char if char.isprintable() else "�" for char in key)
    return redact(printable if len(printable) <= LONGEST_KEY else printable[:LONGEST_KEY] + "…")


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return ` Did you mean "x"?`, or nothing when no known word is near; case and `_`/`-` don't count."""
    plain = {_plain(item): item for item in known}
    near = difflib.get_close_matches(_plain(word[:200]), list(plain), n=1, cutoff=0.6)
    return f' Did you mean "{plain[near[0]]}"?' if near else ""


def _plain(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "")


def one_of(words: Iterable[Any]) -> str:
    """Return `"a", "b" or "c"`."""
    quoted = [f'"{word}"' for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
