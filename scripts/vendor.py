"""Copy the front-end files that the pages use out of node_modules, and write the icon sprite and their README.

Run it after `npm ci`, when a version in package.json or the list of icons changes: `python scripts/vendor.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
TARGET = ROOT / "mosaic_admin" / "static" / "vendor"

FILES = {
    "htmx.org": ["dist/htmx.min.js", "dist/ext/hx-ptag.min.js"],
    "@tabler/core": ["dist/css/tabler.min.css"],
    "uplot": ["dist/uPlot.iife.min.js", "dist/uPlot.min.css"],
    "@fontsource-variable/inter": ["files/inter-latin-wght-normal.woff2"],
    "@fontsource-variable/jetbrains-mono": ["files/jetbrains-mono-latin-wght-normal.woff2"],
}
OUTLINE = (ROOT / "scripts" / "icons.txt").read_text().split()
FILLED = ["alert-triangle", "circle-check", "circle-x", "shield-check"]  # pass, warning, fail, verified only
SPRITE_HEAD = '<svg xmlns="http://www.w3.org/2000/svg"><!-- Tabler Icons {version}, MIT: those that are used -->\n'
README_HEAD = """# Vendored front-end files

Unchanged copies out of npm packages, served by us; written by `scripts/vendor.py`, checked by
`tests/unit/mosaic_admin/test_vendor.py`. `icons.svg` is a sprite put together from single icons of its package.

| file | source (npm) | version | licence | sha256 |
|---|---|---|---|---|
"""


def package(name: str) -> dict[str, str]:
    data: dict[str, str] = json.loads((MODULES / name / "package.json").read_text())
    return data


def folder(name: str) -> Path:
    """Return the folder of a package: `@tabler/core` 1.6.1 lives in `tabler-core-1.6.1`."""
    return TARGET / f"{name.lstrip('@').replace('/', '-')}-{package(name)['version']}"


def symbol(name: str, style: str) -> str:
    """Return one icon as a sprite symbol; filled icons are called `<name>-filled`."""
    source = (MODULES / "@tabler/icons/icons" / style / f"{name}.svg").read_text()
    shapes = re.findall(r"<(?:path|circle|rect|line|polyline)\b[^>]*/>", source)
    inner = "".join(" ".join(shape.split()) for shape in shapes if 'd="M0 0h24v24H0z"' not in shape)
    paint = (
        'fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round"'
        if style == "outline"
        else 'fill="currentColor" stroke="none"'
    )
    suffix = "" if style == "outline" else "-filled"
    return f'<symbol id="{name}{suffix}" viewBox="0 0 24 24" {paint}>{inner}</symbol>\n'


def write_sprite() -> Path:
    target = folder("@tabler/icons") / "icons.svg"
    target.parent.mkdir(parents=True, exist_ok=True)
    symbols = [symbol(name, "outline") for name in sorted(OUTLINE)] + [symbol(name, "filled") for name in FILLED]
    target.write_text(SPRITE_HEAD.format(version=package("@tabler/icons")["version"]) + "".join(symbols) + "</svg>\n")
    return target


def copy_file(source: Path, target: Path) -> Path:
    return Path(shutil.copyfile(source, target / source.name))


def copy_files() -> list[tuple[str, Path]]:
    """Copy the listed files and each package's licence text, which OFL and MIT want beside the copies."""
    copied: list[tuple[str, Path]] = []
    for name, sources in FILES.items():
        folder(name).mkdir(parents=True, exist_ok=True)
        licence = ["LICENSE"] if (MODULES / name / "LICENSE").is_file() else []
        copied += [(name, copy_file(MODULES / name / source, folder(name))) for source in [*sources, *licence]]
    return copied


def row(name: str, path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    details = package(name)
    return f"| {path.relative_to(TARGET)} | {name} | {details['version']} | {details['license']} | `{digest}` |\n"


def main() -> None:
    if not MODULES.is_dir():
        sys.exit("node_modules is missing. Fix: npm ci")
    shutil.rmtree(TARGET, ignore_errors=True)
    rows = [row(name, path) for name, path in [*copy_files(), ("@tabler/icons", write_sprite())]]
    (TARGET / "README.md").write_text(README_HEAD + "".join(rows))


if __name__ == "__main__":
    main()
