"""kill -9 at any moment of an activation leaves the old file or the new one, and rows that agree with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kill_at_every_step.py")
LONG = os.environ.get("MOSAIC_TEST_KILL_EVERY_LINE")  # each executed line instead: tens of thousands of points


@pytest.mark.crash
def test_a_kill_at_every_step_leaves_old_or_new_and_never_half() -> None:
    environ = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "VALKEY_URL")}
    environ["PYTHONPATH"] = str(Path(__file__).parents[3])
    command = [sys.executable, str(SCRIPT), *(["every"] if LONG else [])]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=7200 if LONG else 900)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert result["bad"] == [], result
    assert result["points"] > 50
    assert min(result["old"], result["new"]) > 10, result  # both outcomes were met: the kills fell on both sides
