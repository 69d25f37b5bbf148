"""Writes tests/previous/control.sql: the dashboard's database as an earlier version left it, filled by its own code.

    .venv/bin/python -m tests.previous.make COMMIT

Clones the repository at COMMIT, runs that version's demo with a small sample store, makes a dry run, a migration to
its end, people and a token by that version's commands, and dumps the database without what opens a door. Run it once
for each release, and keep the older files: an upgrade may skip versions.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from compose.embedded.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
PORTS = ("WEB", "GATEWAY", "POSTGRES", "VALKEY", "SOURCE", "CONTROL_VALKEY")
PASSWORD = "the-password-of-an-earlier-day"
DOORS = ("django_session", "people_failedsignin")
FILL = """
import django
django.setup()
from mosaic_admin.people.models import User
from mosaic_admin.people.tokens import create_token
create_token(name="ci", scopes=["doctor:read"], created_by=User.objects.get(username="admin"))
"""


def main(commit: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        clone = folder / "src"
        subprocess.run(["git", "clone", "-q", "--shared", REPOSITORY, clone], check=True)
        subprocess.run(["git", "checkout", "-q", commit], cwd=clone, check=True)
        text = cleaned("\n".join(dump(run(clone, folder))), folder)
    target = Path(__file__).with_name("control.sql")
    target.write_text(f"-- Made by tests/previous/make.py from {commit}.\n{text}\n")
    sys.stdout.write(f"{target}: {target.stat().st_size:,} bytes\n")


def run(clone: Path, folder: Path) -> Path:
    """Run the old version to the end of a migration; returns its database."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MOSAIC_")}
    ports = {f"MOSAIC_{port}_PORT": str(free_port()) for port in PORTS}
    home = {"MOSAIC_HOME": str(folder / "home"), "MOSAIC_CONFIG": str(folder / "mosaic.config.json")}
    environment = {**kept, **ports, **home, "DJANGO_SETTINGS_MODULE": "mosaic_admin.settings"}

    def mosaic(*words: str, text: str = "") -> str:
        command = [sys.executable, "-m", "mosaic_admin", *words]
        done = subprocess.run(command, cwd=clone, env=environment, input=text, capture_output=True, text=True)
        sys.stdout.write(f"{' '.join(words)}: {done.returncode}\n{done.stderr}")
        return done.stdout

    demo = subprocess.Popen(
        [sys.executable, "-m", "mosaic_admin", "demo", "--rows", "1000"],
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout
    assert any("Mosaic Admin is running" in line for line in demo.stdout)
    mosaic("users", "reset", "admin", "--password-stdin", text=PASSWORD)
    subprocess.run([sys.executable, "-c", FILL], cwd=clone, env=environment, check=True)
    migrate = ("storage", "migrate-tier", "--to", "federated")
    mosaic(*migrate, "--dry-run")
    mosaic("gateway", "pause")
    decided = (*migrate, "--carry-table", "agents", "--skip-table", "preferences=not needed any more")
    found = re.search(r"\b[0-9a-f]{64}\b", mosaic(*decided, "--dry-run", "--json"))
    assert found
    mosaic(*decided, "--yes", "--plan-hash", found[0])
    time.sleep(2)
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=120)
    return folder / "home" / "control.sqlite3"


def dump(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for table in DOORS:
            database.execute(f"DELETE FROM {table}")
        database.execute("VACUUM")
        yield from database.iterdump()


def cleaned(text: str, folder: Path) -> str:
    """Take this machine's names out."""
    return text.replace(str(folder), "/srv/mosaic").replace(socket.gethostname(), "atlas")


if __name__ == "__main__":
    main(sys.argv[1])
