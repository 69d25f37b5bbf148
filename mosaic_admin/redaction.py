"""Keep secrets out of every output: logs, pages, JSON, history, error texts."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "•••"

# The path of a secret's file is no secret: `passwordFile` and `DB_PASSWORD_FILE` stay readable.
_SENSITIVE = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|sslpassword|authorization|credential)s?"
    r"(?!\w*(?:(?<!pro)file|path)\b)"
)
_RULES = (
    # scheme://user:password@host — the user name may be empty, the password may hold anything but '@' or space
    (re.compile(r"(\b[a-z][a-z0-9+.\-]*://[^\s:/@'\"]*):[^\s@'\"]*@", re.I), rf"\1:{MASK}@"),
    # ?password=… and &sslpassword=… in a URL or a form
    (re.compile(rf"([?&;]\w*{_SENSITIVE}\w*=)[^\s&;#'\"]*", re.I), rf"\1{MASK}"),
    # password='it''s \' quoted', PGPASSWORD="…", "password": "…"
    (re.compile(rf"(\b\w*{_SENSITIVE}\w*['\"]?\s*[=:]\s*)'(?:[^'\\]|\\.|'')*'", re.I), rf"\1'{MASK}'"),
    (re.compile(rf"(\b\w*{_SENSITIVE}\w*['\"]?\s*[=:]\s*)\"(?:[^\"\\]|\\.)*\"", re.I), rf'\1"{MASK}"'),
    # password=plain and PASSWORD: plain
    (re.compile(rf"(\b\w*{_SENSITIVE}\w*\s*=\s*)(?!['\"{MASK[0]}])[^\s,;&'\"]+", re.I), rf"\1{MASK}"),
    (re.compile(r"(/join/)[\w-]{16,}"), rf"\1{MASK}"),  # a one-time link is a password until it is used
    # ${DB_PASSWORD:-a default that is the password}
    (re.compile(rf"(\$\{{\w*{_SENSITIVE}\w*:-)[^}}\s\"]+", re.I), rf"\1{MASK}"),
    (re.compile(r"(\b(?:bearer|basic)\s+)[a-z0-9._~+/=\-]{8,}", re.I), rf"\1{MASK}"),
)

SHORTEST_SECRET = 6  # characters; masking "a" wherever it stands would shred every text
# What our own texts say anyway: as a password each is masked where a password stands, and stays a word elsewhere.
OUR_WORDS = frozenset({
    "mosaic", "postgres", "postgresql", "pgvector", "pglite", "valkey", "valkeys", "redis", "rediss", "bullmq",
    "federated", "standalone", "keyword", "gateway", "dashboard", "doctor", "worker", "celery", "docker", "compose",
    "embedded", "migration", "storage", "memory", "queue", "database", "server", "service", "password", "passwords",
    "secret", "secrets", "default", "public", "template", "admin", "operator", "support", "person", "people",
    "users", "tokens", "tasks", "notes", "projects", "messages", "conversations", "insights", "teams",
    "configuration", "version", "localhost", "network", "change", "changed", "create", "created", "active",
    "running", "stopped", "failed", "healthy", "unknown", "source", "target", "table", "tables",
})  # fmt: skip
_known: set[str] = set()  # masked wherever they stand
_plain: set[str] = set()  # a plain word or number: masked as a whole word, not inside another
_ours: set[str] = set()  # masked in a password's place only


def remember_secret(*values: str) -> None:
    """Mask these values, and their percent-encoded forms, wherever they turn up from now on.

    How far it goes depends on what else the value could be. "mosaic" as a password must not turn every "mosaic" of a
    page into a mask, which would shred the page and tell the password: words of our own texts and values shorter than
    six characters are masked where a password stands. Another plain word or number is masked as a whole word.
    """
    for value in values:
        if not value:
            continue
        forms = {value, quote(value, safe=""), quote_plus(value), unquote(value)}
        if len(value) < SHORTEST_SECRET or value.lower() in OUR_WORDS:
            _ours.update(forms)
        elif _PLAIN.fullmatch(value):
            _plain.update(forms)
        else:
            _known.update(forms)


_PLAIN = re.compile(r"[A-Z]?[a-z]{1,11}|[0-9]{1,9}")


def forget_secrets() -> None:
    """Forget every remembered value, so that a test sees what the patterns do without them."""
    for values in (_known, _plain, _ours):
        values.clear()


def redact(text: str) -> str:
    """Return `text` with every known secret and everything that looks like one masked."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, MASK)
    for value in _plain:
        if value in text:
            text = re.sub(rf"(?<!\w){value}(?!\w)", MASK, text)
    for value in _ours:
        if value in text:
            text = _in_its_place(re.escape(value), text)
    return redact_patterns(text)


def _in_its_place(value: str, text: str) -> str:
    """Mask a value between `:` and `@`, and right after a word like "password"."""
    text = re.sub(rf"(?<=:){value}(?=@)", MASK, text)
    cue = rf"(\b\w*{_SENSITIVE}(?:['\"]?\s*[=:]\s*|\s+(?:is\s+|was\s+)?)['\"(“]?)"
    return re.sub(rf"{cue}{value}(?![\w-])", rf"\1{MASK}", text, flags=re.I)


def redact_patterns(text: str) -> str:
    """Mask what looks like a secret, not every known one: a document must survive the password being "postgres"."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def is_secret_key(key: str) -> bool:
    """Say whether a key's value is a secret by its name; the path of a secret file is not one."""
    return bool(re.search(_SENSITIVE, key, re.I)) and not key.lower().endswith(("file", "path"))


def redact_data(data: Any) -> Any:
    """Return a copy of a JSON-like value with every string redacted and every secret-looking key's value masked."""
    match data:
        case str():
            return redact(data)
        case dict():
            return {key: _redact_member(str(key), value) for key, value in data.items()}
        case list() | tuple():
            return [redact_data(item) for item in data]
        case _:
            return data


def _redact_member(key: str, value: Any) -> Any:
    return MASK if is_secret_key(key) and isinstance(value, str) and value else redact_data(value)


def display_url(url: str) -> str:
    """Return `host:port/database` of a URL: what pages and logs may show of it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or "local socket"
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    host = f"[{host}]" if ":" in host else host
    return redact(f"{host}{port}{parts.path}")


class RedactingFilter(logging.Filter):
    """Redact the finished message and the traceback text of every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


def all_masked(text: str, secrets: Iterable[str]) -> bool:
    """Say whether none of `secrets` stands in `text`, in plain or percent-encoded form."""
    return not any(form in text for value in secrets for form in (value, quote(value, safe="")))
