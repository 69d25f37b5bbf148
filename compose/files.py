"""The compose files of this release, and the variables they read."""

from __future__ import annotations

import os
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
BASE = FOLDER / "docker-compose.yml"
OVERLAY = FOLDER / "docker-compose.federated.yml"
EXAMPLE = FOLDER / ".env.example"
PROFILE = "federated"


def variables(text: str) -> set[str]:
    """Return the names of the variables that a compose file reads."""
    return set(re.findall(r"\$\{(\w+)", text))


def settings_from_environment() -> dict[str, str]:
    """Return the overlay's variables that are set here: what page and command hand to compose."""
    return {name: os.environ[name] for name in sorted(variables(OVERLAY.read_text())) if os.environ.get(name)}
