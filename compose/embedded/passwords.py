"""Generated passwords, one per file, readable by their owner only."""

from __future__ import annotations

import secrets
from pathlib import Path

from compose import codes
from compose.embedded.site import make_directory
from mosaic_admin.errors import MosaicError
from mosaic_admin.private_files import write_private
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
        make_directory(path.parent, 0o700)  # its error names the folder
        write_private(path, secrets.token_urlsafe(24))
    password = path.read_text().strip()
    remember_secret(password)
    return password
