"""The PGlite releases: a directory is opened by the one of its PostgreSQL major, and by no other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# database → its oid, and so its folder below `base/`; pinned in every PostgreSQL from 15 on
DATABASES = {"postgres": 5, "template1": 1}


@dataclass(frozen=True)
class Release:
    """One engine: `package` and `vector` are paths below node_modules."""

    major: str
    version: str
    package: str
    vector: str
    database: str  # where its own installs keep their tables; those of an older release may differ
    is_stepwise: bool = False  # takes one protocol message at a time (tiers/pglite/npm/host.mjs)

    def files(self, modules: Path) -> tuple[Path, Path]:
        """Return the modules of the engine and of its vector extension."""
        return modules / self.package, modules / self.vector


RELEASES = {
    release.major: release
    for release in (
        Release(
            "16",
            "0.2.17",
            "pglite-0.2/dist/index.js",
            "pglite-0.2/dist/vector/index.js",
            "template1",
            is_stepwise=True,
        ),
        # 0.3 made directories of the same major with the other default database: this one opens both
        Release("17", "0.4.6", "pglite-0.4/dist/index.js", "pglite-0.4/dist/vector/index.js", "postgres"),
        Release(
            "18",
            "0.5.14",
            "@electric-sql/pglite/dist/index.js",
            "@electric-sql/pglite-pgvector/dist/index.js",
            "postgres",
        ),
    )
}
FOR_NEW_STORES = RELEASES["18"]
