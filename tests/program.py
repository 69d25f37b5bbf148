"""Which Mosaic the whole-stack tests run: this checkout's, or one that is installed elsewhere (`make wheel-e2e`)."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Program:
    """An interpreter, and the folder its processes work in: Python finds packages there before its own."""

    python: str
    folder: Path

    def module(self, *arguments: str) -> list[str]:
        return [self.python, "-m", *arguments]

    def mosaic(self, *arguments: str) -> list[str]:
        return self.module("mosaic_admin", *arguments)


@cache
def tested() -> Program:
    """Return what `MOSAIC_TEST_PYTHON` names (an environment with the wheel in it), else this checkout."""
    if python := os.environ.get("MOSAIC_TEST_PYTHON"):
        installed = Program(python, Path("/"))
        where = subprocess.run(
            [python, "-c", "import mosaic_admin; print(mosaic_admin.__file__)"],
            cwd=installed.folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        assert not Path(where).is_relative_to(ROOT), f"{python} runs the checkout, not a wheel"
        return installed
    return Program(sys.executable, ROOT)
