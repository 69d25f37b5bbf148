"""Faults of a real server under a running migration, and what has to be true afterwards."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.comparator import Difference, compare, derive_mapping
from tests.engine import docker
from tests.fingerprint import Catalog, catalog_of, compare_catalogs
from tests.integration.stack.conftest import end, wait_ready
from tests.program import ROOT

TABLES = ("users", "teams", "tasks", "conversations", "messages", "insights")
ATTEMPT_S = 150.0
EARLIER = 0.8  # of an undisturbed run's time: a fault that strikes when all is over shows nothing
RESUMED_WITHIN_S = 60.0  # the slowest of the long run took 29 s on a machine with four times its load


@dataclass(frozen=True)
class Victim:
    """A server that something is done to: its container, the network it lies in, and how it is reached."""

    name: str
    container: str
    network: str
    url: str


def pause(victim: Victim, seconds: float) -> None:
    docker("pause", victim.container)
    time.sleep(seconds)
    docker("unpause", victim.container)


def kill(victim: Victim, seconds: float) -> None:
    docker("kill", victim.container)
    time.sleep(seconds / 4)
    docker("start", victim.container)


def cut(victim: Victim, seconds: float) -> None:
    docker("network", "disconnect", "--force", victim.network, victim.container)
    time.sleep(seconds)
    docker("network", "connect", victim.network, victim.container)


def restart(victim: Victim, seconds: float) -> None:
    docker("restart", "--time", "5", victim.container)


KINDS: dict[str, Callable[[Victim, float], None]] = {"pause": pause, "kill": kill, "cut": cut, "restart": restart}


@dataclass(frozen=True)
class Fault:
    """`kind` happens to `victim` `after_s` after the migration began, and lasts `lasts_s`."""

    kind: str
    victim: Victim
    after_s: float
    lasts_s: float

    def strike(self) -> None:
        KINDS[self.kind](self.victim, self.lasts_s)
        wait_ready(self.victim.url)


def draw(dice: random.Random, kind: str, victims: list[Victim], undisturbed_s: float) -> Fault:
    return Fault(
        kind,
        dice.choice(victims),
        after_s=dice.uniform(0, EARLIER * undisturbed_s),
        lasts_s=dice.uniform(0.5, 4.0),
    )


@dataclass
class Attempt:
    """One worker process."""

    source: str
    target: str
    process: subprocess.Popen[str] = field(init=False)
    begun: float = 0.0

    def __post_init__(self) -> None:
        command = [sys.executable, "-m", "tests.integration.stack.worker", self.source, self.target]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "begun\n", self.process.communicate()[1]
        self.begun = time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    def result(self) -> dict[str, Any]:
        """Wait for the end and return what it said; a traceback or a final error is a failure of the test."""
        try:
            out, err = self.process.communicate(timeout=ATTEMPT_S)
        except subprocess.TimeoutExpired:
            end(self.process)
            raise AssertionError(f"the migration hangs: no end within {ATTEMPT_S:.0f} s") from None
        assert self.process.returncode in (0, 3), f"exit {self.process.returncode}: {out}{err[-3000:]}"
        said: dict[str, Any] = json.loads(out.splitlines()[-1])
        assert not said.get("is_final"), said
        return {**said, "exit": self.process.returncode, "seconds": time.monotonic() - self.begun}


@dataclass(frozen=True)
class Story:
    """What became of one migration: the fault, the attempts' codes, and how long the way back to verified took."""

    fault: Fault
    codes: tuple[str, ...]
    recovery_s: float

    def __str__(self) -> str:
        codes = ", ".join(self.codes) or "rode it out"
        fault = f"{self.fault.kind:<7} {self.fault.victim.name:<6} at {self.fault.after_s:4.1f} s"
        return f"{fault} for {self.fault.lasts_s:3.1f} s: {codes}; verified {self.recovery_s:4.1f} s after it"


def migrate_through(fault: Fault, source: str, target: str) -> Story | None:
    """Start a migration, let the fault strike, and resume until it is verified; None when it ended before the fault."""
    attempt = Attempt(source, target)
    time.sleep(fault.after_s)
    if attempt.is_over:
        attempt.result()
        return None
    fault.strike()
    struck = time.monotonic()
    codes = []
    while True:
        result = attempt.result()
        if result["exit"] == 0:
            return Story(fault, tuple(codes), time.monotonic() - struck)
        codes.append(result["code"])
        is_late = time.monotonic() - struck > RESUMED_WITHIN_S
        assert not is_late, f"{fault} could not be resumed: {codes}, last: {result['message']}"
        time.sleep(0.5)
        attempt = Attempt(source, target)


def differences(source: str, target: str, expected: Catalog) -> list[Difference]:
    """Compare every row with an independent comparator, and the catalog with that of an undisturbed migration."""
    rows = compare(source, target, mapping=derive_mapping(source, target, tables=TABLES))
    return [*rows, *compare_catalogs(expected, catalog_of(target, schema="public"))]
