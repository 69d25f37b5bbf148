"""The vendored front-end files are what their README says, and ask nobody else for anything."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from django.conf import settings

STATIC = settings.BASE_DIR / "mosaic_admin" / "static"
VENDOR = STATIC / "vendor"
ROW = re.compile(r"^\| (\S+) \| (\S+) \| (\S+) \| (\S+) \| `([0-9a-f]{64})` \|$", re.M)


def rows() -> dict[str, tuple[str, ...]]:
    return {path: tuple(rest) for path, *rest in ROW.findall((VENDOR / "README.md").read_text())}


def test_every_vendored_file_has_a_row_with_its_hash() -> None:
    files = {p.relative_to(VENDOR).as_posix(): p for p in VENDOR.rglob("*") if p.is_file() and p.name != "README.md"}
    hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    assert hashes == {name: row[3] for name, row in rows().items()}


def test_the_folder_of_a_file_carries_its_version_and_package_json_pins_it() -> None:
    pinned = json.loads((settings.BASE_DIR / "package.json").read_text())["dependencies"]
    for name, (package, version, licence, _) in rows().items():
        assert f"-{version}/" in name
        assert pinned[package] == version
        assert licence


def test_no_page_loads_anything_from_another_host() -> None:
    ours = [*(settings.BASE_DIR / "templates").rglob("*.html"), STATIC / "mosaic.css", STATIC / "mosaic.js"]
    loads = re.compile(r"""(?:src|href|action|url\()\s*=?\s*["'(]*(?:https?:)?//""")
    assert [path.name for path in ours if loads.search(path.read_text())] == []


def test_the_pages_hold_no_inline_script_style_or_handler() -> None:
    banned = re.compile(r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|hx-on|javascript:|js:")
    pages = (settings.BASE_DIR / "templates").rglob("*.html")
    assert {path.name for path in pages if banned.search(Path(path).read_text())} == set()


def test_templates_and_styles_name_only_files_that_exist() -> None:
    pages = "".join(path.read_text() for path in (settings.BASE_DIR / "templates").rglob("*.html"))
    css = (STATIC / "mosaic.css").read_text()
    named = re.findall(r"{% static '([^']+)' %}|{% static \"([^\"]+)\" %}", pages)
    names = {a or b for a, b in named} | set(re.findall(r'url\("([^"]+)"\)', css))
    assert {name for name in names if not (STATIC / name).is_file()} == set()
