"""`${VAR}`, `${VAR:-default}` and secret files: what stands outside the document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from mosaic_admin.redaction import remember_secret
from tiers import codes
from tiers.problems import ConfigWarning, Problem

# What opens this install itself. An address may lead anywhere, so none of them may stand in one.
OWN_SECRETS = frozenset({"MOSAIC_SECRET_KEY", "DATABASE_URL", "VALKEY_URL", "MOSAIC_EMAIL_PASSWORD"})
LARGEST_SECRET = 64_000  # bytes; a longer "password" is the wrong file
_REFERENCE = re.compile(r"\$?\$\{(?P<body>[^}]*)(?P<end>\}?)")
_BODY = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.S)
_SENSITIVE = re.compile(r"pass|pwd|secret|token|key", re.I)


@dataclass
class Reader:
    """Resolves references of one document and collects what is wrong with them."""

    base_dir: Path
    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[ConfigWarning] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)

    def expand(self, path: str, text: str) -> str:
        """Return `text` with its references replaced; `$${` stands for a literal `${`.

        A value that lands between `scheme://` and `@` is percent-encoded there: it is a raw user or password.
        """
        parts: list[str] = []
        position = 0
        for match in _REFERENCE.finditer(text):
            parts.append(text[position : match.start()])
            position = match.end()
            if match.group().startswith("$$"):
                parts.append(match.group()[1:])
                continue
            value = self._reference(path, match)
            parts.append(quote(value, safe="") if _is_in_userinfo(text, match) else value)
        return "".join([*parts, text[position:]])

    def read_secret(self, path: str, name: str) -> str:
        """Return what a secret file holds, without the newline at its end; "" and a problem when it is unusable."""
        file = self.base_dir / name
        if self._is_own(file):
            self._problem(
                path,
                f"the secret file {file} is this install's own and may not go into an address",
                "Give the server a password of its own, in a file of its own.",
            )
            return ""
        try:
            content = _read(file)
        except (OSError, ValueError):
            self._problem(
                path,
                f"the secret file {file} cannot be read",
                f"Create it with `install -m 600 /dev/stdin {file}`, or correct the name.",
            )
            return ""
        value = content.rstrip("\r\n")
        if not value:
            self._problem(path, f"the secret file {file} is empty", f"Write the password into {file}.")
        elif "\n" in value or "\0" in value:
            self._problem(path, f"the secret file {file} has several lines", "Keep the password alone in it.")
        self._check_mode(path, file)
        if value:
            self.secrets.add(value)
        remember_secret(value)
        return value

    def _is_own(self, file: Path) -> bool:
        """Say whether a file holds a key of this install: whoever edits an address would send it to any server."""
        home = Path(self.environ.get("MOSAIC_HOME") or ".mosaic")
        return file.resolve().is_relative_to((home / "keys").resolve())

    def _reference(self, path: str, match: re.Match[str]) -> str:
        body = _BODY.fullmatch(match["body"])
        if not match["end"] or body is None:
            self._problem(
                path, "has a ${…} that cannot be read", "Write ${NAME} or ${NAME:-default}; a literal ${ is $${."
            )
            return ""
        value = self._variable(path, body["name"], body["default"])
        # A user name or a host must stay readable in messages: only what is a secret by name or place is remembered.
        if value and (_SENSITIVE.search(body["name"]) or _is_password(match.string, match)):
            self.secrets.add(value)
            remember_secret(value)
        return value

    def _variable(self, path: str, name: str, default: str | None) -> str:
        if name in OWN_SECRETS:
            self._problem(
                path,
                f"the variable {name} is this install's own and may not go into an address",
                "Give the server a password of its own, in a variable or a file of its own.",
            )
            return ""
        value, file = self.environ.get(name), self.environ.get(f"{name}_FILE")
        if value is not None and file:
            self._problem(path, f"{name} and {name}_FILE are both set", f"Unset one of them: `unset {name}`.")
            return ""
        if file:
            self.sources[path] = f"secret file {self.base_dir / file}"
            return self.read_secret(path, file)
        if value:
            self.sources.setdefault(path, f"env {name}")
            return value
        if value is not None:
            self._problem(path, f"the variable {name} is set and empty", f"Give {name} a value, or unset it.")
        elif default is None:
            self._problem(
                path, f"the variable {name} is not set", f"Set {name}, or {name}_FILE to a file that holds the value."
            )
        else:
            self.sources.setdefault(path, f"default of {name}")
        return default or ""

    def _check_mode(self, path: str, file: Path) -> None:
        try:
            mode, folder = file.stat().st_mode, file.resolve().parent.stat().st_mode
        except OSError:
            return
        if mode & 0o077 and folder & 0o011:  # in a folder that nobody else may enter, the file's own mode opens nothing
            self.warnings.append(
                ConfigWarning(
                    codes.SECRET_FILE_OPEN,
                    path,
                    f"The secret file {file} has mode {mode & 0o777:04o}: others on this machine may read it.",
                    f"Run `chmod 600 {file}`.",
                )
            )

    def _problem(self, path: str, reason: str, remedy: str) -> None:
        self.problems.append(Problem(path, reason, remedy, is_outside=True))


def _read(file: Path) -> str:
    """Read at most `LARGEST_SECRET`; only a regular file, so that a FIFO cannot hang us. Raises OSError, ValueError."""
    if not file.is_file():
        raise FileNotFoundError
    with file.open("rb") as handle:
        content = handle.read(LARGEST_SECRET + 1)
    if len(content) > LARGEST_SECRET:
        raise ValueError("too large")
    return content.decode("utf-8-sig")


def _is_in_userinfo(text: str, match: re.Match[str]) -> bool:
    before, after = text[: match.start()], text[match.end() :]
    scheme, separator, rest = before.partition("://")
    plain = _REFERENCE.sub("", rest)
    return bool(separator and scheme) and not re.search(r"[/?#@]", plain) and "@" in _REFERENCE.sub("", after)


def _is_password(text: str, match: re.Match[str]) -> bool:
    """Say whether the reference stands after `scheme://user:`."""
    return _is_in_userinfo(text, match) and ":" in text[: match.start()].partition("://")[2]
