"""Real PGlite directories of every generation, made by the npm packages themselves.

`make_directory(generation, *scripts)` returns a fresh directory below the test's own folder. Making one takes seconds:
an empty one of each generation is made once, copied, filled by its own package for each set of scripts, copied again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import environment
from tiers.pglite import engines
from tiers.pglite.node import find_node

MAKE = Path(__file__).parent / "pglite_data" / "make.mjs"
MAKE_TIMEOUT_S = 120.0

MakeDirectory = Callable[..., Path]


@dataclass(frozen=True)
class Generation:
    """One npm release of PGlite, and where its installs keep their tables."""

    package: str
    vector: str
    major: str
    database: str


GENERATIONS = {
    "0.2": Generation("pglite-0.2/dist/index.js", "pglite-0.2/dist/vector/index.js", "16", "template1"),
    "0.3": Generation("pglite-0.3/dist/index.js", "pglite-0.3/dist/vector/index.js", "17", "template1"),
    "0.4": Generation("pglite-0.4/dist/index.js", "pglite-0.4/dist/vector/index.js", "17", "postgres"),
    "0.5": Generation(
        "@electric-sql/pglite/dist/index.js", "@electric-sql/pglite-pgvector/dist/index.js", "18", "postgres"
    ),
}


def _command(generation: str, directory: Path, database: str, script: Path | str, *more: str) -> list[str | Path]:
    modules = engines.install() / "node_modules"
    release = GENERATIONS[generation]
    program = [find_node().program, MAKE, modules / release.package, modules / release.vector]
    return [*program, directory, database, script, *more]


def open_with_its_own_package(
    generation: str, directory: Path, sql: str, *, database: str = "", extensions: str = ""
) -> None:
    """Run statements as an install's own program does."""
    script = directory.with_name(f"{directory.name}.sql")
    script.write_text(sql, encoding="utf-8")
    environment = {**os.environ, "CONTRIB": extensions}
    command = _command(generation, directory, database, script)
    subprocess.run(command, check=True, timeout=MAKE_TIMEOUT_S, env=environment)
    script.unlink()


@dataclass
class Holder:
    """A program that has a directory open, as another install's gateway does."""

    process: subprocess.Popen[str]

    def execute(self, line: str) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


@contextmanager
def held_open(generation: str, directory: Path) -> Iterator[Holder]:
    """Have another program hold the directory for a block."""
    command = _command(generation, directory, "", "", "hold")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        yield Holder(process)
        process.communicate(timeout=30)


@pytest.fixture
def make_directory(tmp_path: Path) -> MakeDirectory:
    """Return `make_directory(generation, *statements, database="", extensions="") -> Path`."""
    count = 0

    def make(generation: str, *statements: str, database: str = "", extensions: str = "") -> Path:
        nonlocal count
        count += 1
        template = _template(generation, "\n".join(statements), database, extensions)
        return Path(shutil.copytree(template, tmp_path / f"pglite-{count}", symlinks=True))

    return make


def _template(generation: str, sql: str, database: str, extensions: str) -> Path:
    name = hashlib.sha256(f"{generation}|{database}|{extensions}|{sql}".encode()).hexdigest()[:16]
    folder = environment.ROOT / "pglite" / name
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        if sql or extensions:
            shutil.copytree(_template(generation, "", database, ""), folder, symlinks=True)
        open_with_its_own_package(generation, folder, sql, database=database, extensions=extensions)
    return folder
