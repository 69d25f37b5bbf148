"""What is in the wheel and in the sdist."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from tests import wheel
from tests.wheel import PLANTED, Release

PACKAGES = ("mosaic_admin", "tiers", "store", "compose", "doctor", "migration", "gateway")
# folder of the checkout -> where the wheel has it
MOVED = {"templates/": "mosaic_admin/templates/", "docs/": "mosaic_admin/docs/"}
NEEDED = (
    "mosaic_admin/static/mosaic.css",
    "mosaic_admin/templates/base.html",
    "mosaic_admin/docs/doctor/codes.md",
    "mosaic_admin/docs/CHANGELOG.md",
    "tiers/pglite/npm/package-lock.json",
    "tiers/pglite/npm/host.mjs",
    "compose/docker-compose.yml",
    "compose/docker-compose.federated.yml",
    "compose/pg-init/10-role-and-vector.sql",
    "compose/valkey/start.sh",
    "doctor/schema/report-1.json",
)


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packaged_name(name: str) -> str:
    for folder, place in MOVED.items():
        if name.startswith(folder):
            return place + name.removeprefix(folder)
    return name


def test_the_wheel_has_every_file_of_its_packages_and_nothing_else(release: Release) -> None:
    files = wheel.listed(*PACKAGES, "templates", "docs")
    expected = {packaged_name(name) for name in files if not name.startswith("compose/secrets/")}
    found = {name for name in contents(release.wheel) if ".dist-info/" not in name}
    assert found == expected | {"mosaic_admin/docs/CHANGELOG.md"}
    assert set(NEEDED) <= found


def test_nothing_that_an_operator_keeps_in_a_checkout_is_handed_out(release: Release, tmp_path: Path) -> None:
    unpacked = wheel.unpack(release.sdist, tmp_path)
    assert [name for name in PLANTED if (unpacked / name).exists()] == []
    assert [name for name in PLANTED if name in contents(release.wheel)] == []


def test_what_the_image_is_built_from_makes_the_same_wheel(release: Release, tmp_path: Path) -> None:
    """The image's context is the checkout through `.dockerignore`."""
    lines = (wheel.ROOT / ".dockerignore").read_text().splitlines()
    let_in = tuple(line[1:].removesuffix("**") for line in lines if line.startswith("!"))
    for name in wheel.listed():
        if name.startswith(let_in) and not name.startswith("compose/secrets/"):
            (tmp_path / "context" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(wheel.ROOT / name, tmp_path / "context" / name)
    built = wheel.build(tmp_path / "context", tmp_path / "dist", "wheel")
    assert contents(built) == contents(release.wheel)


def test_the_sdist_builds_the_same_wheel(release: Release, tmp_path: Path) -> None:
    unpacked = wheel.unpack(release.sdist, tmp_path / "sdist")
    again = wheel.build(unpacked, tmp_path / "again", "wheel")
    assert again.name == release.wheel.name
    assert contents(again) == contents(release.wheel)
