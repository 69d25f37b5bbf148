"""Processes that tests started."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

PATIENCE_S = 20


def end_all(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask all of them to end, then wait; who does not listen is killed."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
