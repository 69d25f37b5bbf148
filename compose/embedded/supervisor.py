"""Keeps a list of processes running, restarts what dies, and stops everything in order."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from compose.embedded.process import end, is_alive, marked, wait_until
from compose.embedded.server import EmbeddedServer
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact

BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
STEADY_S = 60.0  # a process that ran this long starts again with the first back-off
REFUSED_RETRY_S = 10.0  # a refusal needs a person: look again often enough to notice that it was put right
SERVES_AFTER_S = 8.0  # a gateway that is going to refuse has done so by then
LOG_LIMIT_BYTES = 10 * 1024 * 1024
TICK_S = 0.25

Say = Callable[[str], None]


@dataclass(frozen=True)
class ProcessSpec:
    """One process of the list: what runs, and which exit codes are refusals rather than crashes."""

    name: str
    command: Sequence[str]
    refusals: frozenset[int] = frozenset()
    grace_s: float = 10.0


@dataclass
class _Backoff:
    """When to try again after a process ended."""

    failures: int = 0
    started_at: float = 0.0
    next_at: float = 0.0

    def after(self, now: float, *, fixed_s: float | None = None) -> float:
        self.failures = 0 if now - self.started_at > STEADY_S else self.failures
        delay = fixed_s if fixed_s is not None else BACKOFF_S[min(self.failures, len(BACKOFF_S) - 1)]
        self.failures += 1
        self.next_at = now + delay
        return delay


@dataclass
class _Process:
    spec: ProcessSpec
    log: Path
    pid_file: Path
    child: subprocess.Popen[bytes] | None = None
    log_offset: int = 0
    refusal: str = ""
    backoff: _Backoff = field(default_factory=_Backoff)

    def start(self, environment: Mapping[str, str]) -> None:
        self.log_offset = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                list(self.spec.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C in the terminal is for the supervisor, which stops things in order
            )
        self.pid_file.write_text(f"{self.child.pid}\n")
        self.backoff.started_at = time.monotonic()

    def words(self) -> str:
        """Return what the last run said to its user: from its error code on, else the last line."""
        with self.log.open("rb") as log:
            log.seek(self.log_offset)
            lines = log.read()[-20_000:].decode(errors="replace").splitlines()
        for number, line in enumerate(lines):
            if line.startswith("MOS-"):
                return redact("\n".join(lines[number : number + 4]))
        return redact(lines[-1]) if lines else "It said nothing."


class Supervisor:
    """Runs servers (found again by their data folder) and processes (found again by a mark in their environment)."""

    def __init__(
        self,
        *,
        servers: Sequence[EmbeddedServer],
        specs: Sequence[ProcessSpec],
        home: Path,
        environment: Mapping[str, str],
        say: Say,
    ) -> None:
        self.servers = servers
        self._marker = marker_of(home)
        self._environment = {**environment, **dict([self._marker.split("=", 1)])}
        self._logs = home / "logs"
        self._processes = [
            _Process(spec, self._logs / f"{spec.name}.log", home / "run" / f"{spec.name}.pid") for spec in specs
        ]
        self._server_backoff = {server.name: _Backoff() for server in servers}
        self._say = say

    def start(self) -> None:
        """Start every process of the list; the servers run already."""
        for process in self._processes:
            process.start(self._environment)

    def tick(self) -> None:
        """Look after everything once."""
        now = time.monotonic()
        for server in self.servers:
            self._look_after_server(server, now)
        for process in self._processes:
            self._look_after(process, now)
        rotate_logs(self._logs)

    def ended(self, name: str) -> str | None:
        """Return what a process said when it is down, None while it runs."""
        process = next(item for item in self._processes if item.spec.name == name)
        is_up = process.child is not None and process.child.poll() is None
        return None if is_up else process.words()

    def stop(self) -> None:
        """Stop processes in reverse order, then whatever they left, then the servers in reverse order."""
        for process in reversed(self._processes):
            self._stop(process)
        stop_leftovers(self._marker)
        for server in reversed(self.servers):
            try:
                server.stop()
            except MosaicError as error:
                self._say(f"{error.message} {error.remediation}")

    def _stop(self, process: _Process) -> None:
        if process.child is not None and process.child.poll() is None:
            process.child.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.child.wait(process.spec.grace_s)
            if process.child.poll() is None:
                os.killpg(process.child.pid, signal.SIGKILL)
                process.child.wait()
        process.pid_file.unlink(missing_ok=True)

    def _look_after(self, process: _Process, now: float) -> None:
        if process.child is None:
            if now >= process.backoff.next_at:
                process.start(self._environment)
            return
        code = process.child.poll()
        if code is None:
            if process.refusal and now - process.backoff.started_at > SERVES_AFTER_S:
                self._say(f"{process.spec.name} runs now.")
                process.refusal = ""
            return
        process.child = None
        process.pid_file.unlink(missing_ok=True)
        if code in process.spec.refusals:
            self._after_refusal(process, now)
        else:
            delay = process.backoff.after(now)
            self._say(
                f"{process.spec.name} ended ({_exit_words(code)}); starting it again in {delay:.0f} s. "
                f"Log: {process.log}"
            )

    def _after_refusal(self, process: _Process, now: float) -> None:
        process.backoff.after(now, fixed_s=REFUSED_RETRY_S)
        words = process.words()
        if words != process.refusal:
            self._say(
                f"{process.spec.name} refuses to start and is tried again every {REFUSED_RETRY_S:.0f} s:\n{words}"
            )
        process.refusal = words

    def _look_after_server(self, server: EmbeddedServer, now: float) -> None:
        backoff = self._server_backoff[server.name]
        if now < backoff.next_at or server.is_running():
            return
        delay = backoff.after(now)
        self._say(f"{server.name} is down: {server.last_words()} Starting it again.")
        try:
            server.start()
            backoff.started_at = now
        except MosaicError as error:
            self._say(f"{error.code.id} {error.message} Next try in {delay:.0f} s.")


def marker_of(home: Path) -> str:
    """Return NAME=value that every process of a MOSAIC_HOME's demo carries in its environment."""
    return f"MOSAIC_DEMO_OF={home}"


def stop_leftovers(marker: str, *, grace_s: float = 10.0) -> int:
    """Stop every process that carries the mark, children of killed parents included; return how many there were."""
    pids = list(marked(marker))
    end(pids, grace_s=grace_s)
    wait_until(lambda: not any(map(is_alive, pids)), 1.0)
    return len(pids)


def rotate_logs(folder: Path, *, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
    """Keep one older copy of a log that grew too large.

    The writers keep their descriptor (some outlive us), so the text is copied and the file cut in place; they
    append, and go on at its new end.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size > limit_bytes:
            log.with_suffix(".log.1").write_bytes(log.read_bytes())
            os.truncate(log, 0)


def _exit_words(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
