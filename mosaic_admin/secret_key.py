"""Django's secret key: made at the first start, kept in a file of its owner, and never a weak one."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from mosaic_admin.private_files import PRIVATE, make_private

SHORTEST = 50  # characters, as Django's own check wants


def kept_key(path: Path) -> str:
    """Return the key in a file, made when there is none. A file that others could read is closed first."""
    if not path.exists():
        make_private(path, secrets.token_urlsafe(SHORTEST))
    if path.stat().st_mode & 0o077:
        path.chmod(PRIVATE)
    fix = f"remove the file, the next start makes a new one: rm {path}"
    return strong(path.read_text().strip(), f"The key in {path}", fix)


def strong(key: str, name: str, fix: str) -> str:
    """Return the key. One that could be guessed ends the process with exit code 78."""
    if len(key) < SHORTEST or len(set(key)) < 5:
        sys.stderr.write(
            f"MOS-ENV-001 {name} is shorter than {SHORTEST} characters, or too plain: it could be guessed.\n"
            f"Fix: {fix}. Everybody signs in again then, and webhooks have to be added again.\n"
        )
        raise SystemExit(78)
    return key
