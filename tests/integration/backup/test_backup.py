"""Backup and restore by command, on both engines."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.backup.conftest import ROOT, Install

ANOTHER_KEY = "another-key-9f2c7e1ab04d836e5f7719c2d8e6a3b1c4d5e6"

RUNS = "import sys, django; django.setup(); print('up', flush=True); sys.stdin.read()"


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything below a folder but what the servers and locks keep there."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith((".lock", "-wal", "-shm"))
    }


def test_a_restore_brings_back_people_keys_and_the_numbers_that_come_next(install: Install, tmp_path: Path) -> None:
    archive = tmp_path / "monday.mosaic"
    key = (install.home / "keys" / "django-secret-key").read_text()
    said = install.ok("backup", "create", str(archive))
    assert "Not in it: passwords of servers" in said
    assert archive.stat().st_mode & 0o777 == 0o600
    install.ok("backup", "verify", str(archive))

    install.add_bob()
    (install.home / "keys" / "django-secret-key").write_text(ANOTHER_KEY)
    install.ok("backup", "restore", str(archive), "--yes")
    assert install.people() == {"ada"}
    assert (install.home / "keys" / "django-secret-key").read_text() == key
    install.ok("users", "create", "cleo", "--role", "support")  # the sequences went back too

    (aside,) = install.home.glob("before-restore-*")
    assert (aside / "keys" / "django-secret-key").read_text() == ANOTHER_KEY
    assert "bob" in kept_people(install, aside)
    assert install.query("SELECT action FROM audit_auditevent ORDER BY id")[-2:] == ["backup.restore", "person.create"]
    assert not list(install.home.glob("restore*"))


def kept_people(install: Install, aside: Path) -> list[str]:
    schema = aside.name.replace("before-restore-", "mosaic_before_")
    return install.query("SELECT username FROM people_user", schema, aside / "control.sqlite3")


def test_a_backup_opens_on_a_new_host(install: Install, tmp_path: Path) -> None:
    archive = tmp_path / "monday.mosaic"
    install.ok("backup", "create", str(archive))
    install.drop()
    shutil.rmtree(install.home)
    (install.folder / "mosaic.config.json").unlink()
    install.ok("backup", "restore", str(archive), "--yes", "--with-config")
    assert install.people() == {"ada"}
    assert json.loads((install.folder / "mosaic.config.json").read_text()) == {"version": 1, "tier": "local"}
    done = install.run("-m", "django", "makemigrations", "--check", "--dry-run")
    assert done.returncode == 0, done.stdout
    assert install.run("-m", "django", "migrate", "--check").returncode == 0


def test_a_backup_is_made_while_the_dashboard_runs_and_a_restore_refuses(install: Install, tmp_path: Path) -> None:
    archive = tmp_path / "running.mosaic"
    with subprocess.Popen(
        [sys.executable, "-c", RUNS],
        cwd=ROOT,
        env=install.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "up\n"
        install.ok("backup", "create", str(archive))
        assert install.refused("backup", "restore", str(archive), "--yes") == "MOS-BAK-005"
        running.communicate()
    install.ok("backup", "restore", str(archive), "--yes")


def test_open_sign_ins_are_neither_kept_nor_opened_again(install: Install, tmp_path: Path) -> None:
    session = "c4n4ry" * 5
    install.query(f"INSERT INTO django_session VALUES ('{session}', 'data', '2030-01-01 00:00:00Z')")
    archive = tmp_path / "monday.mosaic"
    install.ok("backup", "create", str(archive))
    shutil.unpack_archive(archive, tmp_path / "out", "gztar", filter="data")
    assert not [name for name, data in files_of(tmp_path / "out").items() if session.encode() in data]
    install.ok("backup", "restore", str(archive), "--yes")
    assert install.query("SELECT * FROM django_session") == []


def test_a_damaged_or_locked_backup_leaves_the_install_as_it_is(sqlite_install: Install, tmp_path: Path) -> None:
    install, phrase = sqlite_install, tmp_path / "phrase"
    phrase.write_text("correct horse battery staple\n")
    archive = tmp_path / "monday.mosaic"
    install.ok("backup", "create", str(archive), "--passphrase-file", str(phrase), "--with-secrets")
    spoilt = tmp_path / "spoilt"
    data = archive.read_bytes()
    spoilt.write_bytes(data[:-100] + bytes(100))
    before = files_of(install.folder)
    assert install.refused("backup", "restore", str(archive), "--yes") == "MOS-BAK-002"
    assert install.refused("backup", "restore", str(spoilt), "--yes", "--passphrase-file", str(phrase)) == "MOS-BAK-001"
    assert install.refused("backup", "create", str(archive)) == "MOS-BAK-004"
    assert files_of(install.folder) == before
    assert archive.read_bytes() == data
    install.ok("backup", "restore", str(archive), "--yes", "--passphrase-file", str(phrase))


@pytest.mark.parametrize("how", ["version", "schema"])
def test_a_newer_version_s_backup_is_refused(
    sqlite_install: Install, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install, archive = sqlite_install, tmp_path / "newer.mosaic"
    if how == "schema":
        with closing(sqlite3.connect(install.home / "control.sqlite3", isolation_level=None)) as database:
            database.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('people', '0999_later', '2030-01-01')"
            )
        install.ok("backup", "create", str(archive))
        with closing(sqlite3.connect(install.home / "control.sqlite3", isolation_level=None)) as database:
            database.execute("DELETE FROM django_migrations WHERE name = '0999_later'")
    else:
        later = (
            "import sys; from importlib import metadata; metadata.version = lambda name: '99.1.0'; "
            "from mosaic_admin.cli import main; main(sys.argv[1:])"
        )
        assert install.run("-c", later, "backup", "create", str(archive)).returncode == 0
    assert install.refused("backup", "restore", str(archive), "--yes") == "MOS-BAK-003"
    assert install.people() == {"ada"}


def test_the_other_engine_s_backup_is_refused(install: Install, tmp_path: Path) -> None:
    archive = tmp_path / "monday.mosaic"
    install.ok("backup", "create", str(archive))
    other = Install(tmp_path / "other")
    other.folder.mkdir()
    other.database_url = "" if install.database_url else "postgresql://mosaic@127.0.0.1:1/mosaic"
    assert other.refused("backup", "restore", str(archive), "--yes") == "MOS-BAK-007"


def test_a_database_that_is_none_any_more_is_moved_aside(sqlite_install: Install, tmp_path: Path) -> None:
    install, archive = sqlite_install, tmp_path / "monday.mosaic"
    install.ok("backup", "create", str(archive))
    for ending in ("-wal", "-shm"):
        (install.home / f"control.sqlite3{ending}").unlink(missing_ok=True)
    (install.home / "control.sqlite3").write_bytes(b"rubbish" * 4096)
    install.ok("backup", "restore", str(archive), "--yes")
    assert install.people() == {"ada"}
    (aside,) = install.home.glob("before-restore-*/control.sqlite3")
    assert aside.read_bytes() == b"rubbish" * 4096


def test_a_configuration_of_another_cutover_stays_in_the_backup(sqlite_install: Install, tmp_path: Path) -> None:
    install, archive = sqlite_install, tmp_path / "before-the-cutover.mosaic"
    install.ok("backup", "create", str(archive))
    (install.folder / "cutover.json").write_text('{"version": 1, "state": "active"}')
    (install.folder / "mosaic.config.json").write_text('{"version": 1, "tier": "federated"}')
    assert install.refused("backup", "restore", str(archive), "--yes", "--with-config") == "MOS-BAK-008"
    install.ok("backup", "restore", str(archive), "--yes")
    assert "federated" in (install.folder / "mosaic.config.json").read_text()
