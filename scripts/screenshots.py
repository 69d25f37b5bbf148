"""Take the pictures of docs/images: every page that the browser tests look at, in light, in dark and on a phone.

The browser tests start the demo, bring each state about and take its pictures: `python scripts/screenshots.py`
runs those that look at a page, in a fixed order. It needs what `make test` needs, also a container engine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
PATIENCE_MS = "60000"  # pictures are taken on machines with other work, too


def main() -> None:
    looking = [str(path) for path in sorted((ROOT / "tests" / "e2e").glob("test_*.py")) if "look(" in path.read_text()]
    with tempfile.TemporaryDirectory() as made:
        command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:randomly", *looking]
        wanted = {"MOSAIC_TEST_PICTURES": made, "MOSAIC_TEST_PATIENCE_MS": PATIENCE_MS}
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **wanted}, check=False)
        pictures = sorted(Path(made).glob("*.png"))
        IMAGES.mkdir(exist_ok=True)
        for picture in pictures:
            shutil.copyfile(picture, IMAGES / picture.name)
    size = sum(path.stat().st_size for path in IMAGES.glob("*.png"))
    sys.stdout.write(f"{len(pictures)} pictures are new; docs/images has {size / 1e6:.1f} MB.\n")
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
