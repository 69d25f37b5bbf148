"""Keep secrets out of every output: logs, pages, JSON, history, error texts."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "•••"

# Each pattern takes time in proportion to the text, whatever stands in it: words are taken whole (`++` never gives back
# what it took) and looked at by `is_secret_key`, and runs have a longest length.
_SENSITIVE = re.compile(r"pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|authorization|credential", re.I)
_OF_A_FILE = re.compile(r"(?:(?<!pro)file|path)$", re.I)  # the path of a secret's file is no secret


def is_secret_key(key: str) -> bool:
    """Say whether a key's value is a secret by its name; the path of a secret file is not one."""
    return bool(_SENSITIVE.search(key)) and not _OF_A_FILE.search(key)


def _of_a_secret(match: re.Match[str]) -> str:
    """Mask the value where the name before it is a secret's."""
    if not is_secret_key(match["key"]):
        return match[0]
    quotes = match.groupdict().get("quote") or ""
    return f"{match['head']}{quotes}{MASK}{quotes}"


_WORD = r"(?P<key>[\w-]++)"
_NAMED = tuple(
    re.compile(rule, re.I | re.M)
    for rule in (
        # ?password=… and &sslpassword=… in a URL or a form
        rf"(?P<head>[?&;]{_WORD}=)[^\s&;#'\"]*",
        # password='it''s \' quoted', PGPASSWORD="…", "password": "…"
        rf"(?P<head>\b{_WORD}['\"]?\s*+[=:]\s*+)(?P<quote>')(?:[^'\\]|\\.|''){{0,4000}}'",
        rf"(?P<head>\b{_WORD}['\"]?\s*+[=:]\s*+)(?P<quote>\")(?:[^\"\\]|\\.){{0,4000}}\"",
        # password=plain, and on a line of its own PASSWORD: plain
        rf"(?P<head>\b{_WORD}\s*+=\s*+)(?!['\"{MASK[0]}])[^\s,;&'\"]+",
        rf"^(?P<head>[ \t-]*+{_WORD}:[ \t]++)(?!['\"{MASK[0]}{{\[])\S+(?=[ \t]*+$)",
        # ${DB_PASSWORD:-a default that is the password}
        rf"(?P<head>\$\{{{_WORD}:-)[^}}\s\"]+",
    )
)
_RULES = (
    # scheme://user:password@host: the user may be empty, and a raw password may hold "@", as long as no path is over
    (
        re.compile(
            r"(\b[a-z][a-z0-9+.\-]{0,30}://[^\s:/@'\"]{0,200}):[^\s@\"]{0,400}@(?:[^\s@\"/?#,;]{0,400}@){0,9}", re.I
        ),
        rf"\1:{MASK}@",
    ),
    (re.compile(r"(\b(?:redis|valkey)s?://)[^\s:/@'\"$\ue000]{1,400}@", re.I), rf"\1{MASK}@"),  # it stands as the user
    (re.compile(r"(/join/)[\w-]{16,}"), rf"\1{MASK}"),  # a one-time link is a password until it is used
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
        for form in _spellings(value):
            if len(form) < SHORTEST_SECRET or form.lower() in OUR_WORDS:
                _ours.add(form)
            elif _PLAIN.fullmatch(form):
                _plain.add(form)
            else:
                _known.add(form)


_PLAIN = re.compile(r"[A-Z]?[a-z]{1,11}|[0-9]{1,9}")


def _spellings(value: str) -> set[str]:
    """Return how a value may stand in a text: as it is, in an address, in JSON, HTML, Python and a libpq string."""
    if not value:
        return set()
    encoded = {way(value, safe=safe, errors="replace") for way in (quote, quote_plus) for safe in ("", "/")}
    quoted = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    lower = {_PERCENT.sub(lambda match: match[0].lower(), text) for text in encoded}
    libpq = value.replace("\\", "\\\\").replace("'", "\\'")
    return {value, unquote(value), html.escape(value), libpq, *encoded, *lower, *quoted}


_PERCENT = re.compile(r"%[0-9A-F]{2}")


def forget_secrets() -> None:
    """Forget every remembered value, so that a test sees what the patterns do without them."""
    for values in (_known, _plain, _ours):
        values.clear()


def redact(text: str) -> str:
    """Return `text` with every known secret and everything that looks like one masked."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, MASK)
    for value in tuple(_plain):  # other threads may remember another secret meanwhile
        if value in text:
            text = re.sub(rf"(?<!\w){value}(?!\w)", MASK, text)
    for value in tuple(_ours):
        if value in text:
            text = _in_its_place(re.escape(value), text)
    return redact_patterns(text)


_CUE = re.compile(r"\b([\w-]++)(?:['\"]?\s*+[=:]\s*+|\s++(?:is\s++|was\s++)?)['\"(“]?\Z", re.I)
_CUE_LENGTH = 100  # characters before a value that are looked at


def _in_its_place(value: str, text: str) -> str:
    """Mask a value between `:` and `@`, and right after a word like "password"."""

    def mask(match: re.Match[str]) -> str:
        cue = _CUE.search(text[max(0, match.start() - _CUE_LENGTH) : match.start()])
        return MASK if cue and is_secret_key(cue[1]) else match[0]

    text = re.sub(rf"(?<=:){value}(?=@)", MASK, text)
    return re.sub(rf"{value}(?![\w-])", mask, text, flags=re.I)


def redact_patterns(text: str) -> str:
    """Mask what looks like a secret, not every known one: a document must survive the password being "postgres"."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    for pattern in _NAMED:
        text = pattern.sub(_of_a_secret, text)
    return text


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


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
_CONTROLS |= {0x2028: "\\u2028", 0x2029: "\\u2029"}  # line separators that some viewers obey


def one_record(text: str) -> str:
    """Return a text that a log or a terminal cannot take for more than it is.

    A second line is indented, so that it is never read as a record of its own; other control characters are spelt out.
    """
    return text.translate(_CONTROLS).replace("\n", "\n    ")


class RedactingFilter(logging.Filter):
    """Redact the finished message and the traceback text of every log record, and keep each in one record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = one_record(redact(record.getMessage())), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = one_record(redact(record.exc_text))
        return True


def all_masked(text: str, secrets: Iterable[str]) -> bool:
    """Say whether none of `secrets` stands in `text`, in plain or percent-encoded form."""
    return not any(form in text for value in secrets for form in (value, quote(value, safe="")))
