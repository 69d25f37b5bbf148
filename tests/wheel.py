"""What a release hands out, made of the working tree: `release` (wheel, sdist) and `installed_wheel`, which has it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import environment
from tests.program import ROOT, Program

BIN = Path(sys.executable).parent
# Never part of a release: a build from an operator's checkout finds such files beside ours.
PLANTED = (
    "compose/secrets/control-postgres",
    "compose/secrets/federated-postgres",
    ".mosaic/keys/signing-key",
    ".mosaic/admin-password",
    "mosaic.config.json",
    "cutover.json",
)


@dataclass(frozen=True)
class Release:
    wheel: Path
    sdist: Path


def listed(*words: str) -> list[str]:
    """Return the project's files: those that git keeps, and new ones that it does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *words]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in found.split("\0") if name and (ROOT / name).is_file()]


def copy_project(target: Path) -> Path:
    """Lay the project's files into a new folder, and an operator's own beside them."""
    for name in listed():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)
    for name in PLANTED:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text("an operator's own")
    return target


def build(folder: Path, out: Path, kind: str) -> Path:
    """Build one of `wheel`, `sdist` with the locked backend: no environment of its own, no network."""
    run(str(BIN / "hatchling"), "build", "--directory", str(out), "--target", kind, folder=folder)
    return next(out.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


def run(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def unpack(sdist: Path, target: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(target, filter="data")
    return next(target.iterdir())


def install(wheel: Path, environment_folder: Path) -> Program:
    """Make an environment beside which no checkout lies: the locked packages of the image, and the wheel."""
    uv, into = str(BIN / "uv"), ("--quiet", "--python", str(environment_folder))
    folder = environment_folder.parent
    run(uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(environment_folder), folder=folder)
    lock = str(ROOT / "compose" / "image" / "requirements.lock")
    run(uv, "pip", "install", *into, "--require-hashes", "--requirement", lock, folder=folder)
    run(uv, "pip", "install", *into, "--no-deps", str(wheel), folder=folder)
    return Program(str(environment_folder / "bin" / "python"), folder)


@pytest.fixture(scope="session")
def release() -> Release:
    folder = environment.ROOT / "release"
    project = copy_project(folder / "project")
    return Release(build(project, folder / "dist", "wheel"), build(project, folder / "dist", "sdist"))


@pytest.fixture(scope="session")
def installed_wheel(release: Release) -> Program:
    folder = environment.ROOT / "installed"
    folder.mkdir()
    return install(release.wheel, folder / "venv")
