"""Passwords, keys and states: closed to others from their first byte, and never half there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mosaic_admin.private_files import make_private, write_private


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_file_that_others_could_read_is_closed_when_it_is_replaced(tmp_path):
    path = tmp_path / "secrets" / "password"
    write_private(path, "one")
    path.chmod(0o644)
    write_private(path, "two")
    assert (path.read_text(), mode(path), mode(path.parent)) == ("two", 0o600, 0o700)


def test_of_many_that_make_a_file_at_once_all_read_the_same(tmp_path):
    path = tmp_path / "key"

    def make(number: int) -> str:
        make_private(path, str(number) * 50)
        return path.read_text()

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(make, range(16)))) == 1
    assert mode(path) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["key"]


def test_what_cannot_replace_its_file_leaves_no_draft(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_private(tmp_path / "taken", "text")
    assert [item.name for item in tmp_path.iterdir()] == ["taken"]
