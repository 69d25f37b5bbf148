"""Whatever is sent to an API, the answer is one of ours: schemathesis with the project's limits."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzzing import MINUTES

EXAMPLES = 3  # generated requests for each operation, beside those that try each bound of the description
MOST_S = 45  # schemathesis stops by itself then, with what it has seen


def run(schema: str, token: str, folder: Path, *options: str, checks: tuple[str, ...], settings: str = "") -> int:
    """Try every operation of a description, and return how many there were. Fails with what schemathesis says.

    With MOSAIC_TEST_FUZZ_MINUTES it goes on for so long, and begins elsewhere each time.
    """
    (folder / "schemathesis.toml").write_text(settings)  # it would read one from a folder above
    most_s = int(MINUTES * 60) or MOST_S
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"),
            "run",
            schema,
            f"--header=Authorization: Bearer {token}",
            f"--checks={','.join(checks)}",
            "--phases=examples,coverage,fuzzing",
            f"--max-examples={100_000 if MINUTES else EXAMPLES}",
            f"--max-time={most_s}",
            "--request-timeout=30",  # a loaded machine; no answer at all is a failure
            *(() if MINUTES else ("--seed=20261126",)),
            "--generation-database=none",
            "--continue-on-failure",
            "--no-shrink",
            "--no-color",
            *options,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=4 * most_s,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"schemathesis: {done.stdout[-15_000:]}{done.stderr[-2_000:]}", pytrace=False)
    found = re.search(r"Tested: (\d+)", done.stdout)
    return int(found[1]) if found else 0
