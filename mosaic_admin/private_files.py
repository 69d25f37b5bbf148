"""Small files that only their owner reads: passwords, keys, states. Each appears whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PRIVATE = 0o600


def write_private(path: Path, text: str) -> None:
    """Replace a file (0600) in one step; its folder is made (0700) where it is missing. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = write_beside(path, text.encode())
    try:
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def make_private(path: Path, text: str) -> None:
    """Make a file (0600) unless it is there: of several processes at once, the first one's text stays. Raises OSError.

    Read the file afterwards: it may hold somebody else's text.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = write_beside(path, text.encode())
    try:
        os.link(draft, path)  # unlike a rename it never replaces
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def write_beside(path: Path, content: bytes, *, mode: int = PRIVATE, suffix: str = "") -> Path:
    """Write a draft into the file's folder, on the disk when this returns. Raises OSError; then there is no draft."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=suffix, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)
