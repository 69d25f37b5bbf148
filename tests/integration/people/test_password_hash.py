"""What the product keeps of a password. The test process itself hashes in one round (tests/fakes/hasher.py)."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from tests import program
from tests.control_database import lay_tables

OWASP_ROUNDS = 600_000  # Password Storage Cheat Sheet, PBKDF2-HMAC-SHA256


def test_a_command_hashes_a_password_in_as_many_rounds_as_it_should(tmp_path: Path) -> None:
    lay_tables(tmp_path / "home")
    made = subprocess.run(
        program.tested().mosaic("users", "create", "ada", "--role", "admin"),
        env={**os.environ, "MOSAIC_HOME": str(tmp_path / "home")},
        cwd=program.tested().folder,
        capture_output=True,
        text=True,
        check=True,
    )
    with closing(sqlite3.connect(tmp_path / "home" / "control.sqlite3")) as database:
        ((kept,),) = database.execute("SELECT password FROM people_user").fetchall()
    algorithm, rounds, salt, digest = kept.split("$")
    assert (algorithm, int(rounds) >= OWASP_ROUNDS) == ("pbkdf2_sha256", True)
    assert made.stdout.strip() not in f"{salt}{digest}"
