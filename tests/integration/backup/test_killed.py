"""A restore that is killed: the install is the old one, or the next call makes it the new one; never half of each."""

from __future__ import annotations

import os
from pathlib import Path

from mosaic_admin.backup.in_use import JOURNAL
from tests.integration.backup.conftest import Install

# Runs `mosaic …` and ends like kill -9 at the Nth line that these modules execute; N = 0 only counts the lines.
KILLER = """
import os, sys
import celery, django.contrib.postgres.fields, psycopg, pydantic_settings  # followed, they would take as long again
at, seen = int(sys.argv[1]), 0
WATCHED = ("backup/restore.py", "backup/services.py", "backup/sqlite.py", "backup/postgres.py")
def trace(frame, event, arg):
    if not frame.f_code.co_filename.endswith(WATCHED):
        return None
    def line(frame, event, arg):
        global seen
        if event == "line":
            seen += 1
            if seen == at:
                os._exit(137)
        return line
    return line
sys.settrace(trace)
from mosaic_admin.cli import main
try:
    main(sys.argv[2:])
finally:
    sys.settrace(None)
    print("LINES", seen, flush=True)
"""
LONG = bool(os.environ.get("MOSAIC_TEST_LONG"))
NEW_KEY = "the-key-of-a-later-day-9f2c7e1ab04d836e5f7719c2d8e6a3b1"  # long enough to be taken


def prepared(install: Install, archive: Path) -> None:
    """Ada and her key are in the backup; Bob and another key came later."""
    install.ok("backup", "create", str(archive))
    make_later(install)


def make_later(install: Install) -> None:
    if "bob" not in install.people():
        install.add_bob()
    (install.home / "keys" / "django-secret-key").write_text(NEW_KEY)


def state(install: Install) -> tuple[frozenset[str], bool]:
    """Return who is there, and whether the key is the later one."""
    key = (install.home / "keys" / "django-secret-key").read_text()
    return frozenset(install.people()), key == NEW_KEY


def killed_at(install: Install, line: int, *words: str) -> str:
    done = install.run("-c", KILLER, str(line), "backup", "restore", *words)
    assert done.returncode in (0, 137), done.stderr
    return done.stdout


def points(install: Install, archive: Path) -> list[int]:
    """Return the lines to be killed at; most lie where things are being replaced."""
    lines = int(killed_at(install, 0, str(archive), "--yes").rsplit(maxsplit=1)[1])
    if LONG:
        return list(range(1, lines))
    return [int(lines * part) for part in (0.1, 0.4, 0.72, 0.8, 0.87, 0.94, 0.98)]


def test_a_killed_restore_is_undone_or_finished(install: Install, tmp_path: Path) -> None:
    archive = tmp_path / "monday.mosaic"
    prepared(install, archive)
    old, new = (frozenset({"ada", "bob"}), True), (frozenset({"ada"}), False)
    outcomes = set()
    for line in points(install, archive):
        make_later(install)
        killed_at(install, line, str(archive), "--yes")
        is_cut_short = (install.home / JOURNAL).exists()
        if is_cut_short:
            if "finished" not in outcomes:  # what is looked at here does not depend on where it was cut
                assert install.refused("users", "list") == "MOS-BAK-006"
            killed_at(install, line // 20, "--finish")
            install.ok("backup", "restore", "--finish")
        found = state(install)
        assert found == new if is_cut_short else found in (old, new), f"killed at line {line}: {found}"
        outcomes.add("finished" if is_cut_short else "old" if found == old else "new")
    assert {"old", "finished"} <= outcomes
    install.ok("backup", "restore", str(archive), "--yes")
    assert not list(install.home.glob("restore-*")), "what a killed restore laid out goes with the next one"
