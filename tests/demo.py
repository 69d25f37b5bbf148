"""The whole demo as a child process, on free ports and in a home of its own: what `make run` starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from compose.embedded.ports import free_port
from compose.embedded.process import wait_until
from tests import environment
from tests.program import Program, tested

PORTS = ("WEB", "GATEWAY", "POSTGRES", "VALKEY", "SOURCE", "CONTROL_VALKEY")
START_TIMEOUT_S = 300.0
SAMPLE_ROWS = 3000


@dataclass
class Demo:
    """A `mosaic demo` in `folder`; its settings stay the same over several starts."""

    folder: Path
    rows: int = 0
    ports: dict[str, int] = field(default_factory=lambda: {f"MOSAIC_{name}_PORT": free_port() for name in PORTS})
    program: Program = field(default_factory=tested)
    process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def config_file(self) -> Path:
        return self.folder / "mosaic.config.json"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['MOSAIC_WEB_PORT']}"

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['MOSAIC_GATEWAY_PORT']}"

    @property
    def password(self) -> str:
        """The generated password of `admin`."""
        return (self.home / "admin-password").read_text().strip()

    @property
    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MOSAIC_")}
        settings = {"MOSAIC_HOME": str(self.home), "MOSAIC_CONFIG": str(self.config_file)}
        return {**kept, **settings, **{name: str(port) for name, port in self.ports.items()}}

    def command(self, *arguments: str) -> list[str]:
        return self.program.mosaic(*arguments)

    def mosaic(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `mosaic` command with this demo's settings and return what it said."""
        return self.run(self.command(*arguments))

    def run(self, command: list[str], *, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run any command with this demo's settings, `text` on its standard input."""
        folder = self.program.folder
        return subprocess.run(
            command, input=text, env=self.environment, cwd=folder, capture_output=True, text=True, check=False
        )

    def start(self) -> None:
        """Start, and return when the banner stands there."""
        with (self.folder / "output.txt").open("wb") as output:
            self.process = subprocess.Popen(
                self.command("demo", "--rows", str(self.rows)),
                env=self.environment,
                cwd=self.program.folder,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process = self.process
        wait_until(lambda: self.is_up() or process.poll() is not None, START_TIMEOUT_S, step_s=0.1)
        assert self.is_up(), f"the demo did not start:\n{self.output}\n{self.log_tails()}"

    def is_up(self) -> bool:
        return "Mosaic Admin is running" in self.output

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ask the supervisor to stop; return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def clean(self) -> None:
        """Stop it if it runs, and remove everything."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        done = self.mosaic("demo", "--clean")
        assert done.returncode == 0, done.stderr

    def pid(self, name: str) -> int:
        return int((self.home / "run" / f"{name}.pid").read_text())

    def log_tails(self) -> str:
        logs = sorted((self.home / "logs").glob("*.log"))
        return "\n".join(f"== {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs)

    def status_of(self, path: str) -> int:
        """GET a page of the dashboard and return its status."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310 - our own http address
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def config(self) -> dict[str, object]:
        document: dict[str, object] = json.loads(self.config_file.read_text())
        return document


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The running stack: `.url`, `.gateway_url`, `.home`, `.password` of `admin`, `.pid("worker")`.

    Tests that use it run in one test process (tests/conftest.py): a stack is a dozen processes.
    """
    folder = environment.ROOT / "demo"
    folder.mkdir(mode=0o711)
    item = Demo(folder, rows=SAMPLE_ROWS)
    try:
        item.start()
        yield item
    finally:
        item.clean()
