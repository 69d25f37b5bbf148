"""The gateway's two files in MOSAIC_HOME: its token, and the state that the dashboard shows when nothing answers."""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.errors import BootRefusedError
from mosaic_admin.errors import MosaicError
from mosaic_admin.private_files import make_private, write_private
from mosaic_admin.redaction import redact_data, remember_secret


def token_path(home: Path) -> Path:
    return home / "keys" / "gateway-token"


def state_path(home: Path) -> Path:
    return home / "run" / "gateway-state.json"


def read_token(home: Path) -> str | None:
    """Return the token, or None where no gateway was ever started."""
    try:
        token = token_path(home).read_text().strip()
    except OSError:
        return None
    remember_secret(token)
    return token or None


def ensure_token(home: Path) -> str:
    """Make the token at the first start (0600), and return it. Two starts at once agree on one token."""
    path = token_path(home)
    if not path.exists():
        make_private(path, secrets.token_urlsafe(32) + "\n")
    token = read_token(home)
    if token is None:
        raise OSError(f"{path} is empty or cannot be read")
    return token


def write_state(home: Path, state: str, **facts: Any) -> None:
    """Replace the state file in one step; every text in it is redacted."""
    path = state_path(home)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    kept = _last_refusal(home)
    document = redact_data({"version": 1, "state": state, "at": at, "pid": os.getpid(), **kept, **facts})
    write_private(path, json.dumps(document, indent=2) + "\n")


def _last_refusal(home: Path) -> dict[str, Any]:
    """Return the refusal that the file has now, in few words: a start that works must not hide that one did not."""
    before = read_state(home) or {}
    refusal = before.get("refusal")
    if isinstance(refusal, dict):
        return {"last_refusal": {"code": refusal.get("code"), "found": refusal.get("found"), "at": before.get("at")}}
    return {"last_refusal": before["last_refusal"]} if "last_refusal" in before else {}


def read_state(home: Path) -> dict[str, Any] | None:
    """Return the last state written, or None where there is none that can be read."""
    try:
        document = json.loads(state_path(home).read_text())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def refusal_facts(error: MosaicError) -> dict[str, Any]:
    """Return what the state file and the log line say about a refusal."""
    expected = error.expected if isinstance(error, BootRefusedError) else error.code.title
    return {
        "code": error.code.id,
        "exit_code": int(error.exit_code),
        "found": error.message,
        "expected": expected,
        "fix": error.remediation,
    }
