"""The test's side of `runner.py`: starts workers, waits for their ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest

from migration.engine.model import Decisions

WAIT_S = 120.0


@dataclass
class Worker:
    crew: Crew
    pid: int
    report: Path

    def wait(self) -> int:
        """Return the exit code; -9 for a kill."""
        return self.crew.wait(self.pid)

    def result(self) -> dict[str, Any]:
        """Wait for the end and return the report: state or error code, peak memory in kB, transactions."""
        code = self.wait()
        assert code == 0, f"the worker ended with {code}"
        data: dict[str, Any] = json.loads(self.report.read_text())
        return data

    def is_frozen(self) -> bool:
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@dataclass
class Crew:
    """One mother process and its forks."""

    folder: Path
    mother: subprocess.Popen[str]
    started: list[int] = field(default_factory=list)
    ended: dict[int, int] = field(default_factory=dict)
    _lines: Queue[str] = field(default_factory=Queue)

    def __post_init__(self) -> None:
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.mother.stdout is not None
        for line in self.mother.stdout:
            self._lines.put(line)

    def start(
        self,
        source: str,
        target: str,
        moment: str,
        decisions: Decisions | None = None,
        *,
        all_large: bool = False,
        **options: Any,
    ) -> Worker:
        """Start a migration that ends itself at `moment` (see runner.py)."""
        assert self.mother.stdin is not None
        report = self.folder / f"report-{time.monotonic_ns()}"
        work: dict[str, Any] = {"source": source, "target": target, "moment": moment, "report": str(report)}
        work |= {"options": options, "all_large": all_large}
        work["decisions"] = (decisions or Decisions()).as_dict()
        self.mother.stdin.write(json.dumps(work) + "\n")
        self.mother.stdin.flush()
        while True:
            word, pid, *rest = self._lines.get(timeout=WAIT_S).split()
            if word == "started":
                self.started.append(int(pid))
                return Worker(self, int(pid), report)
            self.ended[int(pid)] = int(rest[0])

    def wait(self, pid: int) -> int:
        while pid not in self.ended:
            _, other, code = self._lines.get(timeout=WAIT_S).split()
            self.ended[int(other)] = int(code)
        self.started.remove(pid)
        return self.ended.pop(pid)

    def stop(self) -> None:
        """End the workers that a failed test left, then the mother."""
        for pid in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self.mother.stdin is not None
        assert self.mother.stdout is not None
        self.mother.stdin.close()
        self.mother.wait(30)
        self.mother.stdout.close()


@pytest.fixture(scope="session")
def crew() -> Iterator[Crew]:
    with tempfile.TemporaryDirectory() as folder:
        mother = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.engine.runner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        made = Crew(Path(folder), mother)
        yield made
        made.stop()
