"""Which files of an install belong into a backup, and where a restore puts them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mosaic_admin.env import Environment

KEYS = ("django-secret-key", "gateway-token", "signing-key")
_SECRET = re.compile(r"[a-z][a-z0-9-]{0,60}")


def place_of(name: str, environment: Environment) -> Path:
    """Return where a member of a backup lives on this install."""
    home = environment.home.resolve()
    if name == "keys/signing-key" and environment.signing_key_file:
        return environment.signing_key_file.resolve()
    if name.startswith("config/"):
        config = environment.config.resolve()
        return config if name == "config/mosaic.config.json" else config.with_name("cutover.json")
    return home / name


def present(environment: Environment, *, is_with_config: bool, is_with_secrets: bool) -> dict[str, Path]:
    """Return the files that this install has: name in the backup -> path."""
    names = ["admin-password", *(f"keys/{name}" for name in KEYS)]
    if is_with_config:
        names += ["config/mosaic.config.json", "config/cutover.json"]
    if is_with_secrets:
        names += _secrets(environment.home / "secrets")
    places = {name: place_of(name, environment) for name in names}
    return {name: place for name, place in places.items() if place.is_file()}


def _secrets(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        yield from (f"secrets/{file.name}" for file in sorted(folder.iterdir()) if _SECRET.fullmatch(file.name))


def left_out(environment: Environment, *, is_with_config: bool, is_with_secrets: bool) -> list[str]:
    """Return in words what a backup of this install does not hold."""
    words = ["sign-ins that are open now"]
    if environment.secret_key:
        words.append("the secret key: it comes from MOSAIC_SECRET_KEY")
    if not is_with_config:
        words.append("the configuration file")
    if not is_with_secrets:
        words.append("passwords of servers (MOSAIC_HOME/secrets)")
    return words
