"""What the demo consists of: its folders, servers and processes, as data."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from compose.embedded import EmbeddedPostgres, EmbeddedValkey, Flavour, Site
from compose.embedded.federated import postgres_of, valkey_of
from compose.embedded.passwords import ensure_password
from compose.embedded.ports import PortUse
from compose.embedded.server import EmbeddedServer
from compose.embedded.site import SYSTEM_ROOT, make_directory, site_for
from compose.embedded.supervisor import ProcessSpec
from mosaic_admin.codes import ExitCode
from mosaic_admin.env import Environment

SAMPLE_ROWS = 200_000
SAMPLE_SEED = 20_261

# What a gateway that refuses to serve ends with: a person has to act, so it is no crash.
REFUSALS = frozenset({ExitCode.UNREACHABLE, ExitCode.BUSY, ExitCode.VERSION, ExitCode.PRIVILEGE, ExitCode.CONFIG})
_CELERY = ("-m", "celery", "--app", "mosaic_admin")


@dataclass(frozen=True)
class DemoPlan:
    """One demo: where it lives and how large its sample store is."""

    environment: Environment
    sample_rows: int = SAMPLE_ROWS
    system_root: Path = SYSTEM_ROOT  # where root's PostgreSQL data goes

    @cached_property
    def home(self) -> Path:
        return make_directory(self.environment.home.resolve(), 0o700)

    @cached_property
    def config_file(self) -> Path:
        return self.environment.config.resolve()

    @cached_property
    def site(self) -> Site:
        return site_for(self.home, system_root=self.system_root)

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def password_file(self) -> Path:
        return self.home / "admin-password"

    @property
    def url(self) -> str:
        return f"http://{self.environment.web_host}:{self.environment.web_port}"

    @property
    def gateway_url(self) -> str:
        return f"http://{self.environment.gateway_host}:{self.environment.gateway_port}"

    def make_folders(self) -> None:
        self.home.chmod(0o700)
        for name in ("logs", "run", "secrets", "keys", "valkey", "static"):
            make_directory(self.home / name, 0o700)

    @cached_property
    def federated(self) -> EmbeddedPostgres:
        return self._postgres("federated", self.environment.postgres_port, "MOSAIC_POSTGRES_PORT", Flavour.VECTOR)

    @cached_property
    def source(self) -> EmbeddedPostgres:
        return self._postgres("source", self.environment.source_port, "MOSAIC_SOURCE_PORT", Flavour.PLAIN)

    @cached_property
    def queue(self) -> EmbeddedValkey:
        return self._valkey("federated", self.environment.valkey_port, "MOSAIC_VALKEY_PORT")

    @cached_property
    def control(self) -> EmbeddedValkey:
        return self._valkey("control", self.environment.control_valkey_port, "MOSAIC_CONTROL_VALKEY_PORT")

    @cached_property
    def servers(self) -> Sequence[EmbeddedServer]:
        own_broker = () if self.environment.valkey_url else (self.control,)
        return (*own_broker, self.source, self.federated, self.queue)

    def role_password(self, server: EmbeddedPostgres) -> str:
        """Return the password of the role `mosaic`; the superuser has another one. Each start sets it again."""
        return ensure_password(self.secrets / f"{_short(server)}-postgres", in_use=False)

    @property
    def ports(self) -> Sequence[PortUse]:
        """Return the ports of the processes; a server checks its own, unless it runs and is ours."""
        env = self.environment
        idle = [server for server in self.servers if not (server.is_running() and server.is_as_configured())]
        return (
            PortUse(env.web_port, "dashboard", "MOSAIC_WEB_PORT", env.web_host),
            PortUse(env.gateway_port, "gateway", "MOSAIC_GATEWAY_PORT", env.gateway_host),
            *(PortUse(server.port, server.title, server.setting) for server in idle),
        )

    @property
    def processes(self) -> Sequence[ProcessSpec]:
        bind = f"{self.environment.web_host}:{self.environment.web_port}"
        level = ("--loglevel", self.environment.log_level)
        python = sys.executable
        web = (
            "--worker-class",
            "mosaic_admin.serving.PatientWorker",
            "--threads",
            "8",
            "--keep-alive",
            "15",  # a page that asks every few seconds keeps its connection; none of them holds a thread meanwhile
            "--bind",
            bind,
            "--no-control-socket",
        )
        worker = ("--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle", *level)
        schedule = ("--schedule", str(self.home / "run" / "beat-schedule"), "--pidfile=", *level)
        return (
            ProcessSpec("web", (python, "-m", "gunicorn", "mosaic_admin.wsgi", *web)),
            ProcessSpec("worker", (python, *_CELERY, "worker", *worker)),
            ProcessSpec("beat", (python, *_CELERY, "beat", *schedule)),
            ProcessSpec("gateway", (python, "-m", "mosaic_admin", "gateway", "start"), refusals=REFUSALS),
        )

    @property
    def process_environment(self) -> dict[str, str]:
        fixed = {
            "DJANGO_SETTINGS_MODULE": "mosaic_admin.settings",
            "MOSAIC_HOME": str(self.home),
            "MOSAIC_CONFIG": str(self.config_file),
            "PYTHONUNBUFFERED": "1",
            # glibc gives each thread a heap of its own and keeps it: two are enough, and the worker stays small
            "MALLOC_ARENA_MAX": "2",
        }
        return {**os.environ, **fixed}

    def _postgres(self, name: str, port: int, setting: str, flavour: Flavour) -> EmbeddedPostgres:
        return postgres_of(self.home, self.site, name, port=port, setting=setting, flavour=flavour)

    def _valkey(self, name: str, port: int, setting: str) -> EmbeddedValkey:
        return valkey_of(self.home, name, port=port, setting=setting)


def _short(server: EmbeddedPostgres) -> str:
    return server.name.removeprefix("postgres-")
