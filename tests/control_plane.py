"""The dashboard's own processes on a home of their own: gunicorn and a Celery worker, as `mosaic demo` starts them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from compose.embedded.ports import free_port
from compose.embedded.process import wait_until
from tests.control_database import lay_tables
from tests.processes import end_all

ROOT = Path(__file__).resolve().parent.parent
START_S = 120.0
MAKE_TOKEN = """
import sys, django
django.setup()
from mosaic_admin.people.models import User
from mosaic_admin.people.tokens import create_token
user, _ = User.objects.get_or_create(username="root", defaults={"role": "admin"})
user.set_password(sys.argv[1])
user.save()
print(create_token(name="ci", scopes=sys.argv[2:], created_by=user)[1])
"""


@dataclass
class ControlPlane:
    """`home` holds everything; `settings` are environment variables on top of the usual ones."""

    home: Path
    config: Path
    broker: str
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    password: str = "the-password-of-root-7"
    token: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MOSAIC_")}
        own = {
            "DJANGO_SETTINGS_MODULE": "mosaic_admin.settings",
            "MOSAIC_HOME": str(self.home),
            "MOSAIC_CONFIG": str(self.config),
            "VALKEY_URL": self.broker,
            "PYTHONPATH": str(ROOT),
        }
        return {**kept, **own, **self.settings}

    def prepare(self, *scopes: str) -> None:
        """Create the database, and a token of the admin `root` with these scopes."""
        (self.home / "logs").mkdir(parents=True, exist_ok=True)
        if "DATABASE_URL" in self.settings:
            self.run("manage.py", "migrate", "--verbosity", "0")
        else:
            lay_tables(self.home)
        self.token = self.run("-c", MAKE_TOKEN, self.password, *scopes).stdout.strip()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments], env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or arguments[0] == "-m", done.stderr
        return done

    def start_web(self, *options: str) -> None:
        bind = f"127.0.0.1:{self.port}"
        web = (
            "gunicorn",
            "mosaic_admin.wsgi",
            "--worker-class",
            "gthread",
            "--threads",
            "8",
            "--bind",
            bind,
            "--keep-alive",
            "15",
        )
        self._spawn("web", *web, "--no-control-socket", *options)
        assert wait_until(self.is_up, START_S, step_s=0.1), (self.home / "logs" / "web.log").read_text()

    def start_worker(self) -> None:
        pool = ("--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle")
        self._spawn("worker", "celery", "--app", "mosaic_admin.celery", "worker", *pool, "--loglevel", "DEBUG")

    def _spawn(self, name: str, *command: str) -> None:
        with (self.home / "logs" / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], env=self.environment, cwd=ROOT, stdout=log, stderr=log
            )
        self.processes.append(process)

    def is_up(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str) -> httpx.Response:
        """GET with the token."""
        return httpx.get(f"{self.url}{path}", headers=self.headers, timeout=30, trust_env=False)

    def signed_in(self) -> httpx.Client:
        """Return a browser's session of `root`; its header carries the CSRF token."""
        client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        form = client.get("/sign-in/").text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        assert found
        data = {"name": "root", "password": self.password, "csrfmiddlewaretoken": found[1]}
        assert client.post("/sign-in/", data=data).status_code == 302
        client.headers["X-CSRFToken"] = client.cookies["mosaic_csrf"]
        return client

    def stop(self) -> None:
        end_all(self.processes)


@contextmanager
def control_plane(home: Path, config: Path, broker: str, **settings: str) -> Iterator[ControlPlane]:
    """Prepare one with a token for the doctor; the caller starts the processes it wants."""
    plane = ControlPlane(home, config, broker, settings)
    try:
        plane.prepare("doctor:read")
        yield plane
    finally:
        plane.stop()
