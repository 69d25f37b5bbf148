"""A PGlite directory from somebody else: opening its copy reaches nothing outside of that copy."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pglite import MakeDirectory
from tiers.pglite.copies import copies_folder, private_copy
from tiers.pglite.directory import tree_hash
from tiers.pglite.engines import find_engine
from tiers.pglite.errors import DirectoryError
from tiers.pglite.host import running
from tiers.pglite.releases import FOR_NEW_STORES

TABLE = "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users SELECT generate_series(1, 100);"


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path fits into a name of PostgreSQL's, which has 63 bytes."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="x"))
    yield folder
    shutil.rmtree(folder)


def test_a_link_in_the_directory_is_refused_and_leads_nobody_into_the_live_files(
    make_directory: MakeDirectory, tmp_path: Path
) -> None:
    directory, elsewhere = make_directory("0.5", TABLE), tmp_path / "larger-disk"
    shutil.move(directory / "pg_wal", elsewhere)
    (directory / "pg_wal").symlink_to(elsewhere)
    before = tree_hash(elsewhere)
    with (
        pytest.raises(DirectoryError, match="pg_wal"),
        private_copy(directory) as copy,
        running(copy) as host,
        host.connect(application_name="t") as connection,
    ):
        connection.execute("INSERT INTO users SELECT generate_series(1000, 3000)")
    assert tree_hash(elsewhere) == before
    assert not list(copies_folder().glob("[!.]*"))


@pytest.mark.parametrize("name", ["recovery.signal", "standby.signal"])
def test_a_directory_that_asks_for_recovery_is_refused(make_directory: MakeDirectory, name: str) -> None:
    """Recovery runs the commands that the directory's own settings name."""
    directory = make_directory("0.5", TABLE)
    (directory / name).touch()
    with pytest.raises(DirectoryError, match=name), private_copy(directory):
        pass


def test_the_name_of_an_extension_is_no_path_to_a_program(make_directory: MakeDirectory, short_folder: Path) -> None:
    marker, script = short_folder / "ran", short_folder / "e.js"
    script.write_text(f"import {{ writeFileSync }} from 'node:fs'\nwriteFileSync({str(marker)!r}, '')\n")
    engine, _ = find_engine(FOR_NEW_STORES)
    name = os.path.relpath(short_folder / "e", engine.resolve().parent / "contrib")
    assert len(name) < 64
    rename = f"SET allow_system_table_mods = on; UPDATE pg_extension SET extname = '{name}' WHERE extname = 'plpgsql';"
    directory = make_directory("0.5", TABLE, rename)
    with private_copy(directory) as copy, running(copy) as host, host.connect(application_name="t") as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (100,)
    assert not marker.exists()
