"""Real servers in states that a healthy one is in for a moment only, or never."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from compose.embedded import EmbeddedPostgres, Flavour, site_at
from compose.embedded.ports import free_port
from compose.embedded.process import wait_until
from tests import environment
from tests.servers import FAST


class StartingPostgres(EmbeddedPostgres):
    """A standby that may not be read: from its first moment to its last it says 57P03, as a server in recovery does."""

    def is_ready(self) -> bool:
        return self.is_running() and is_open(self.port)


def is_open(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def starting_postgres() -> Iterator[EmbeddedPostgres]:
    server = StartingPostgres(
        name="starting",
        site=site_at(environment.ROOT / "pg"),
        port=free_port(),
        password="starting-password",
        log=environment.ROOT / "starting.log",
        flavour=Flavour.PLAIN,
        options={**FAST, "hot_standby": "off"},
    )
    server.prepare()
    signal_file = server.data_dir / "standby.signal"
    signal_file.touch()
    owner = server.data_dir.stat()
    os.chown(signal_file, owner.st_uid, owner.st_gid)
    server.start()
    yield server
    server.kill()


@contextmanager
def pgbouncer(url: str, folder: Path) -> Iterator[str]:
    """Put a real PgBouncer in transaction mode before the server of `url`; yield the URL through it."""
    parts, port = urlsplit(url), free_port()
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program, "pgbouncer is missing. Fix: apt-get install pgbouncer (.ci/run does it)"
    folder.mkdir()
    (folder / "users").write_text(f'"{parts.username}" "{parts.password}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={parts.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {folder / 'users'}\n"
        "pool_mode = transaction\n"
    )
    command = [program, "-q", *(["-u", "nobody"] if os.geteuid() == 0 else []), str(folder / "pgbouncer.ini")]
    for path in [folder, *folder.parents][:3]:  # as root it runs as nobody and has to get to its files
        path.chmod(0o755)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: is_open(port), 10)
        yield url.replace(f":{parts.port}/", f":{port}/")
    finally:
        process.terminate()
        process.wait(10)
