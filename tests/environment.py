"""Loaded with `-p` before everything else: gives the test process a home of its own before the settings are read."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from django.conf import settings

from compose.embedded.ports import free_port

_CLEARED = ("DATABASE_URL", "VALKEY_URL", "PGPASSWORD", "PGHOST", "PGUSER", "PGPORT", "PGSERVICE")

ROOT = Path(tempfile.mkdtemp(prefix="mosaic-tests-"))
ROOT.chmod(0o711)  # as root, PostgreSQL runs as nobody and has to get to its data
HOME = ROOT / "home"
CONTROL_PASSWORD = "control-valkey-of-the-tests"


def _isolate() -> None:
    """Forget this machine's settings; MOSAIC_TEST_DATABASE_URL stands in for DATABASE_URL on purpose."""
    for name in [name for name in os.environ if name.startswith("MOSAIC_") and not name.startswith("MOSAIC_TEST_")]:
        del os.environ[name]
    for name in _CLEARED:
        os.environ.pop(name, None)
    if url := os.environ.get("MOSAIC_TEST_DATABASE_URL"):
        os.environ["DATABASE_URL"] = url
    os.environ["MOSAIC_HOME"] = str(HOME)
    os.environ["MOSAIC_CONFIG"] = str(ROOT / "mosaic.config.json")
    os.environ["MOSAIC_CONTROL_VALKEY_PORT"] = str(free_port())
    os.environ["MOSAIC_LOG_LEVEL"] = "WARNING"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = (
        "true"  # Playwright keeps an event loop in the thread that also runs tests
    )
    (HOME / "secrets").mkdir(parents=True, mode=0o700)
    (HOME / "secrets" / "control-valkey").write_text(CONTROL_PASSWORD)


_isolate()


def pytest_configure() -> None:
    """The real hash takes a quarter of a second on purpose. Servers and commands that a test starts take it."""
    settings.PASSWORD_HASHERS = ["tests.fakes.hasher.OneRound"]


def pytest_unconfigure() -> None:
    shutil.rmtree(ROOT, ignore_errors=True)
