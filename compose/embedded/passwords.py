"""Generated passwords, one per file, readable by their owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from compose import codes
from compose.embedded.site import make_directory
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import remember_secret


def ensure_password(path: Path, *, in_use: bool) -> str:
    """Return the password in a file, made when there is none; `in_use` says that a server already relies on it.

    Raises:
        MosaicError: MOS-STK-006 when the file is gone and its server's data is not.
    """
    if not path.exists():
        if in_use:
            raise MosaicError(
                f"The password file {path} is gone, and the server it belongs to has data.",
                remediation=f"Put {path} back from a backup, or drop the demo's data with `make clean-demo`.",
                code=codes.SECRET_MISSING,
                path=str(path),
            )
        write_private(path, secrets.token_urlsafe(24))
    password = path.read_text().strip()
    remember_secret(password)
    return password


def write_private(path: Path, text: str) -> None:
    """Write a 0600 file in a 0700 folder; it appears whole or not at all."""
    make_directory(path.parent, 0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
