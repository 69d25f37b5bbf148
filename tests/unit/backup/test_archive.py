"""The backup file by itself: what is written comes back, and whatever was changed is noticed."""

from __future__ import annotations

import io
import json
import random
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from mosaic_admin.backup import create, sealed
from mosaic_admin.backup.archive import MANIFEST, Manifest, Member, member_of, read, write
from mosaic_admin.errors import MosaicError

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "COST", {"n": 1 << 10, "r": 8, "p": 1})
    monkeypatch.setattr(sealed, "CHUNK", 1000)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "files"
    folder.mkdir()
    contents = {"keys/signing-key": b"key\n", "database/people_user.copy": random.Random(7).randbytes(10_000)}
    made = {name: folder / name.replace("/", "-") for name in contents}
    for name, path in made.items():
        path.write_bytes(contents[name])
    return made


def manifest_of(files: dict[str, Path]) -> Manifest:
    members = tuple(member_of(name, path) for name, path in files.items())
    return Manifest("2026-01-01T00:00:00+00:00", "1.0.0", "postgresql", {"people": ["0001_initial"]}, members, {})


def refused(path: Path, passphrase: str = "") -> str:
    with pytest.raises(MosaicError) as caught:
        read(path, passphrase)
    return caught.value.code.id


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_what_was_written_comes_back_in_private_files(tmp_path: Path, files: dict[str, Path], passphrase: str) -> None:
    manifest, target, out = manifest_of(files), tmp_path / "backup", tmp_path / "out"
    out.mkdir()
    write(target, manifest, files, passphrase)
    assert target.stat().st_mode & 0o777 == 0o600
    assert read(target, passphrase, out).members == manifest.members
    for name, path in files.items():
        assert (out / name).read_bytes() == path.read_bytes()
        assert (out / name).stat().st_mode & 0o777 == 0o600


def test_a_backup_is_never_overwritten(tmp_path: Path, files: dict[str, Path]) -> None:
    target = tmp_path / "backup"
    target.write_text("somebody's own")
    with pytest.raises(MosaicError) as caught:
        write(target, manifest_of(files), files, "")
    assert caught.value.code.id == "MOS-BAK-004"
    assert target.read_text() == "somebody's own"
    assert {item.name for item in tmp_path.iterdir()} == {"files", "backup"}  # and no draft was left behind


def test_without_the_passphrase_nothing_is_read(tmp_path: Path, files: dict[str, Path]) -> None:
    target = tmp_path / "backup"
    write(target, manifest_of(files), files, PASSPHRASE)
    assert b"signing-key" not in target.read_bytes()
    assert refused(target) == "MOS-BAK-002"
    assert refused(target, PASSPHRASE + "r") == "MOS-BAK-002"


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_every_changed_byte_and_every_cut_is_noticed(tmp_path: Path, files: dict[str, Path], passphrase: str) -> None:
    target, spoilt = tmp_path / "backup", tmp_path / "spoilt"
    write(target, manifest_of(files), files, passphrase)
    whole = target.read_bytes()
    seen = set()
    for at in range(len(sealed.MAGIC), len(whole), 97):
        spoilt.write_bytes(whole[:at])
        seen.add(refused(spoilt, passphrase))
    for at in range(len(sealed.MAGIC) + 200, len(whole) - 8, 97):  # the header's own bytes decide about the key
        spoilt.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        try:
            read(spoilt, passphrase)
        except MosaicError as error:
            seen.add(error.code.id)
        else:
            assert not passphrase, "only padding between the members of an unsealed backup may differ"
    assert seen <= {"MOS-BAK-001", "MOS-BAK-002"}


def test_sealed_chunks_cannot_change_places(tmp_path: Path, files: dict[str, Path]) -> None:
    target = tmp_path / "backup"
    write(target, manifest_of(files), files, PASSPHRASE)
    whole = target.read_bytes()
    head = whole.index(b"\n", len(sealed.MAGIC)) + 1 + sealed.TAG
    one, two = whole[head : head + 1016], whole[head + 1016 : head + 2032]
    assert len(two) == 1016
    target.write_bytes(whole[:head] + two + one + whole[head + 2032 :])
    assert refused(target, PASSPHRASE) == "MOS-BAK-001"


def test_a_header_that_asks_for_much_memory_is_refused(tmp_path: Path) -> None:
    header = {"n": 1 << 30, "r": 8, "p": 1, "salt": "AAAA", "prefix": "AAAA"}
    target = tmp_path / "backup"
    target.write_bytes(sealed.MAGIC + json.dumps(header).encode() + b"\nrest")
    assert refused(target, PASSPHRASE) == "MOS-BAK-001"


def tar_of(target: Path, manifest: dict[str, object], *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(target, "w:gz") as tar:
        text = json.dumps(manifest).encode()
        head = tarfile.TarInfo(MANIFEST)
        head.size = len(text)
        tar.addfile(head, io.BytesIO(text))
        for entry, data in entries:
            tar.addfile(entry, io.BytesIO(data))
    return target


@pytest.mark.parametrize("name", ["../keys/signing-key", "/etc/cron.d/x", "keys/../../x", "secrets/A b", "keys/"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    manifest = json.loads(replace(manifest_of({}), members=(Member(name, 1, "0"),)).as_json())
    entry = tarfile.TarInfo(name)
    entry.size = 1
    assert refused(tar_of(tmp_path / "backup", manifest, (entry, b"x"))) == "MOS-BAK-001"


def test_a_link_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    manifest = json.loads(replace(manifest_of({}), members=(Member("keys/signing-key", 0, "0"),)).as_json())
    entry = tarfile.TarInfo("keys/signing-key")
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    assert refused(tar_of(tmp_path / "backup", manifest, (entry, b""))) == "MOS-BAK-001"


def test_a_newer_format_is_said_to_be_newer(tmp_path: Path) -> None:
    manifest = {**json.loads(manifest_of({}).as_json()), "version": 2, "surprise": True}
    assert refused(tar_of(tmp_path / "backup", manifest)) == "MOS-BAK-003"


def test_any_other_file_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").write_bytes(b"")
    for path in (tmp_path / "text", tmp_path / "empty", tmp_path / "missing", tmp_path):
        assert refused(path) == "MOS-BAK-001"


def test_a_file_of_the_install_that_cannot_be_read_is_no_file_that_exists(tmp_path: Path) -> None:
    with pytest.raises(MosaicError, match=r"mem cannot be read \(errno 5\)") as caught:
        create._copied(tmp_path, {"keys/signing-key": Path("/proc/self/mem")})  # as root nothing else is unreadable
    assert caught.value.code.id == "MOS-BAK-010"
