"""Documents with inline passwords on their way to a screen, and back from a form."""

from __future__ import annotations

import difflib
import json
import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mosaic_admin.redaction import MASK, is_secret_key, redact_patterns

_REFERENCE = re.compile(r"\$\{[^}]*\}")
_PASSWORD_REFERENCE = re.compile(r":\$\{[A-Za-z_][A-Za-z0-9_]*\}(?=@)")  # `:${NAME}@`, without a default
_PLACE = "\ue000"  # a private character stands in for a reference while the patterns run


def redact_text(text: str) -> str:
    """Mask what looks like a secret, and leave `${NAME}`: the name of a secret is none, and a form must keep it."""
    references = _PASSWORD_REFERENCE.findall(text)
    masked = redact_patterns(_PASSWORD_REFERENCE.sub(_PLACE, text))
    if _PLACE in text or masked.count(_PLACE) != len(references):
        return redact_patterns(text)
    pieces = masked.split(_PLACE)
    return pieces[0] + "".join(reference + piece for reference, piece in zip(references, pieces[1:], strict=True))


_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)("|$|(?=\n))', re.M)


def redact_source(text: str) -> str:
    """Mask the secrets in JSON as somebody typed it, broken or not; everything else stays as it was typed.

    Each quoted text is looked at as what it means: an escaped quote or letter must not hide a secret.
    """
    return redact_text(_URL_MEMBER.sub(_redact_url_member, _LITERAL.sub(_redact_literal, text)))


_URL_MEMBER = re.compile(r'("url"\s*:\s*")((?:[^"\\\n]|\\.)*)')


def _redact_url_member(match: re.Match[str]) -> str:
    return match[1] + _mask_address(match[2])


def _mask_address(value: str) -> str:
    """Mask what stands where an address belongs and is none: a password pasted into the wrong place, for one."""
    return value if "://" in value or "${" in value or not value else MASK


def _redact_literal(match: re.Match[str]) -> str:
    try:
        value = json.loads(f'"{match[1]}"', strict=False)
    except ValueError:  # an escape that does not exist: no reading of it can be trusted
        return match[0] if match[1].isalnum() else f'"{MASK}{match[2]}'
    masked = mask_value(value)
    return match[0] if masked == value else json.dumps(masked, ensure_ascii=False)[:-1] + match[2]


def mask_value(value: str) -> str:
    """Return a text of a document fit for a screen, address or not."""
    if "://" in value:
        return mask_url(value)
    return _after_at(value) if _is_slip(value) else redact_text(value)


def _is_slip(value: str) -> bool:
    """Say whether a text is an address that lost a stroke: `postgresql:/u:secret@host`."""
    return ":" in value.rpartition("@")[0] and not re.search(r"\s", value)


def _after_at(value: str) -> str:
    return f"{MASK}@{redact_text(value.rpartition('@')[2])}"


def mask_url(url: str) -> str:
    """Return a URL with its password masked; user, host and database stay. What cannot be read is masked whole."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    if not parts.netloc and "@" in url:
        return _after_at(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    user, colon, password = userinfo.partition(":")
    if not colon and at and not _is_reference(user):
        user = MASK if parts.scheme.startswith(("redis", "valkey")) else user  # redis://PASSWORD@host is a common slip
    shown = password if _is_reference(password) or not password else MASK
    return redact_text(urlunsplit(parts._replace(netloc=f"{user}{colon}{shown}{at}{host}")))


def _is_reference(text: str) -> bool:
    """Say whether a text is only `${VAR}`: the name of a secret is no secret. A `:-default` is one."""
    return bool(_REFERENCE.fullmatch(text)) and ":-" not in text


def mask_document(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy fit for a screen: passwords inside URLs masked, `${VAR}` left as it stands.

    Masks by place, not by known value: "postgres" as a password must not turn `"type": "postgres"` into a mask.
    """
    return {key: _mask_member(key, value) for key, value in document.items()}


def _mask_member(key: str, value: Any) -> Any:
    match value:
        case dict():
            return mask_document(value)
        case list():
            return [_mask_member(key, item) for item in value]
        case str() if value and is_secret_key(key):
            return MASK
        case str() if key.endswith("url"):
            return _mask_address(mask_value(value))
        case str():
            return mask_value(value)
        case _:
            return value


def unmask_document(document: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """Put back what a form shows masked and sends unchanged; an address that changed keeps its new parts."""
    return {key: _unmask_member(key, value, stored.get(key)) for key, value in document.items()}


def _unmask_member(key: str, new: Any, old: Any) -> Any:
    if isinstance(new, dict) and isinstance(old, dict):
        return unmask_document(new, old)
    if not isinstance(new, str) or not isinstance(old, str) or MASK not in new:
        return new
    return old if new == _mask_member(key, old) else _with_password_of(new, old) if key == "url" else new


def _with_password_of(new: str, old: str) -> str:
    """Take the old password over, but only to the host it was given for: a new host must not be sent it."""
    try:
        parts, before = urlsplit(new), urlsplit(old)
    except ValueError:
        return new
    userinfo, _, host = parts.netloc.rpartition("@")
    old_userinfo, _, old_host = before.netloc.rpartition("@")
    if host != old_host or not userinfo.endswith(f":{MASK}"):
        return new
    password = old_userinfo.partition(":")[2]
    return urlunsplit(parts._replace(netloc=f"{userinfo.partition(':')[0]}:{password}@{host}"))


_ORDER = (
    "$schema",
    "$comment",
    "version",
    "tier",
    "storage",
    "queue",
    "memory",
    "type",
    "url",
    "dataDir",
    "passwordFile",
)


def pretty(document: dict[str, Any]) -> str:
    """Return the document as the file is written, keys in the order people expect: jsonb forgets the one they had."""
    return json.dumps(_ordered(document), indent=2, ensure_ascii=False) + "\n"


def _ordered(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    keys = sorted(value, key=lambda key: (_ORDER.index(key) if key in _ORDER else len(_ORDER), key))
    return {key: _ordered(value[key]) for key in keys}


def diff_lines(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the lines of both, masked, each with "+ ", "- " or "  " before it."""
    old = pretty(mask_document(before)).splitlines() if before else []
    lines = difflib.ndiff(old, pretty(mask_document(after)).splitlines())
    return [line for line in lines if not line.startswith("?")]
