"""The stack's password files: made once, one password each."""

from __future__ import annotations

from pathlib import Path

from compose.embedded.passwords import ensure_password
from compose.embedded.site import make_directory
from mosaic_admin.redaction import remember_secret

POSTGRES_ROLE = "federated-postgres"
POSTGRES_SUPERUSER = "federated-postgres-superuser"
VALKEY = "federated-valkey"
NAMES = (POSTGRES_ROLE, POSTGRES_SUPERUSER, VALKEY)


def ensure_secrets(folder: Path) -> None:
    """Make the files that are missing. Idempotent.

    A container's account is none of the host's, so the files are readable (0444) inside a folder that is closed (0700):
    on the host nobody else gets to them.
    """
    make_directory(folder, 0o700).chmod(0o700)
    for name in NAMES:
        ensure_password(folder / name, in_use=False)
        (folder / name).chmod(0o444)


def remember(folder: Path) -> None:
    """Mask what the files hold wherever it turns up; files that are not there are fine."""
    for name in NAMES:
        if (folder / name).is_file():
            remember_secret((folder / name).read_text().strip())
