"""What PostgreSQL and Valkey have in common as child processes."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from compose import codes
from compose.embedded.ports import is_free
from compose.embedded.process import is_alive, send, wait_until
from compose.embedded.site import Account, not_writable
from compose.runtime import ServiceState, ServiceStatus
from mosaic_admin import codes as base_codes
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact

HOST = "127.0.0.1"  # embedded servers are never offered to the network
START_TIMEOUT_S = 60.0  # crash recovery after a kill may replay a lot of WAL
STOP_TIMEOUT_S = 30.0


class EmbeddedServer:
    """A server process that outlives a killed parent and is found again by its data folder.

    Subclasses say how it is prepared, which command runs it, which process serves the folder and when it is ready.
    """

    name: str
    port: int
    data_dir: Path
    log: Path
    setting: str
    package: ClassVar[str]
    account: Account | None
    stop_signal = signal.SIGTERM

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def title(self) -> str:
        """Return the name for a sentence: `source PostgreSQL`."""
        raise NotImplementedError

    def prepare(self) -> None:
        raise NotImplementedError

    def command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def pid(self) -> int | None:
        """Return the process that serves the data folder, whoever started it."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def is_as_configured(self) -> bool:
        """Say whether the running server has the port and password that it is to have now."""
        raise NotImplementedError

    def is_running(self) -> bool:
        return self.pid() is not None

    def made_at(self) -> datetime | None:
        """Return when the data were made, where a file tells; a folder's own times change with what is in it."""
        return None

    def start(self) -> bool:
        """Start the server and wait until it accepts connections; return True when it ran already and was adopted.

        Raises:
            MosaicError: MOS-ENV-003 (port taken), MOS-ENV-004 (folder), MOS-STK-001 (did not come up).
        """
        if self.is_running() and self.is_as_configured():
            self._wait_ready()
            return True
        self.stop()  # ours, with settings of an earlier start
        self._require_port()
        self.prepare()
        self._launch()
        self._wait_ready()
        return False

    def stop(self) -> None:
        """Stop the server and wait until it is gone. Idempotent.

        Raises:
            MosaicError: MOS-STK-002.
        """
        pid = self.pid()
        if pid is not None:
            send(pid, self.stop_signal)
            self._wait_gone(pid)
        self._reap()

    def kill(self) -> None:
        """End the server as a crash would: no shutdown, recovery at the next start."""
        pid = self.pid()
        if pid is not None:
            send(pid, signal.SIGKILL)
            self._wait_gone(pid)
        self._reap()

    def status(self) -> ServiceStatus:
        pid = self.pid()
        state = (
            ServiceState.HEALTHY if pid and self.is_ready() else ServiceState.STARTING if pid else self._idle_state()
        )
        endpoint = f"{HOST}:{self.port}"
        return ServiceStatus(
            self.name,
            state,
            endpoint,
            pid,
            image=self.release(),
            ports=(endpoint,),
            volumes=(str(self.data_dir),) if self.data_dir.exists() else (),
        )

    def release(self) -> str:
        """Return the package that the server's binaries come from, with its version."""
        return f"{self.package} {version(self.package)}"

    def _idle_state(self) -> ServiceState:
        return ServiceState.STOPPED if self.data_dir.exists() else ServiceState.ABSENT

    def _require_port(self) -> None:
        if not is_free(self.port):
            raise MosaicError(
                f"Port {self.port} for the {self.title} ({self.setting}) is taken by another program.",
                remediation=f"See what listens there with `ss -ltnp 'sport = :{self.port}'` and stop it, or set "
                f"{self.setting} to another port.",
                code=base_codes.PORT_TAKEN,
                ports={self.setting: self.port},
            )

    def _launch(self) -> None:
        drop = {"user": self.account.uid, "group": self.account.gid, "extra_groups": []} if self.account else {}
        try:
            log = self.log.open("ab")
        except OSError as exc:
            raise not_writable(self.log.parent) from exc
        with log:
            self._child = subprocess.Popen(
                list(self.command()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data_dir if not self.account else "/",
                env=child_environment(),
                start_new_session=True,  # Ctrl-C in the terminal reaches us only: we stop things in order
                **drop,  # type: ignore[call-overload]
            )

    def _wait_ready(self) -> None:
        ready = wait_until(lambda: self.is_ready() or self._has_ended(), START_TIMEOUT_S)
        if not ready or self._has_ended():
            self._reap()
            raise MosaicError(
                f"{self.name} did not start: {self.last_words()}",
                remediation=f"Read the end of its log with `tail -n 40 {self.log}`, put right what it names, and start "
                "again.",
                code=codes.NOT_STARTED,
                server=self.name,
            )

    def _wait_gone(self, pid: int) -> None:
        if not wait_until(lambda: self._is_gone(pid), STOP_TIMEOUT_S):
            raise MosaicError(
                f"{self.name} (pid {pid}) did not stop within {STOP_TIMEOUT_S:.0f} s.",
                remediation=f"Look at what it does in {self.log}; `kill -QUIT {pid}` ends it without a clean shutdown.",
                code=codes.NOT_STOPPED,
                server=self.name,
            )

    def _is_gone(self, pid: int) -> bool:
        self._has_ended()  # reaps our own child, which would stay a zombie
        return not is_alive(pid)

    def _has_ended(self) -> bool:
        return self._child is not None and self._child.poll() is not None

    def _reap(self) -> None:
        if self._child is not None:
            if self._child.poll() is None:
                self._child.kill()
            self._child.wait()
            self._child = None

    def last_words(self) -> str:
        """Return the log's last line that says why, redacted."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()[-40:]
        except OSError:
            lines = []
        reasons = [line for line in lines if "FATAL" in line or "# " in line or "rror" in line] or lines
        return redact(reasons[-1].strip()) if reasons else "it ended without a word."


def child_environment() -> Mapping[str, str]:
    """Return what a server may see of our environment: no PG* defaults, no secrets."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
