"""The control plane's SQLite file with its tables and nobody in it: made once per test process, then copied."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests import environment
from tests.program import ROOT


def lay_tables(home: Path) -> None:
    """Give a home what `manage.py migrate` makes there, which takes two seconds of a core."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copy(_made_once(), home)


@cache
def _made_once() -> Path:
    home = environment.ROOT / "control-database"
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, env={**kept, "MOSAIC_HOME": str(home)}, cwd=ROOT, check=True, timeout=120)
    return home / "control.sqlite3"
