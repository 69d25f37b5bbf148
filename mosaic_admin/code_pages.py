"""Writes docs/doctor/codes.md from the codes themselves: `python -m mosaic_admin.code_pages > docs/doctor/codes.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from mosaic_admin.codes import Code

AREAS = {
    "ACC": "People, roles and requests",
    "BAK": "Backup and restore",
    "BUG": "Bugs",
    "CFG": "Configuration",
    "DOC": "The doctor itself",
    "ENV": "Environment of a process",
    "GW": "Gateway",
    "MIG": "Migration",
    "PG": "PostgreSQL",
    "PGL": "PGlite",
    "PGV": "pgvector",
    "STK": "Stack",
    "STO": "Store, lock and ledger",
    "VK": "Valkey",
}
HEAD = """# Codes

Each thing that can go wrong has one code, the same in commands, pages, JSON, the boot gate and jobs. A code is never
renumbered and never reused. The dashboard has the same texts at `/doctor/codes/`, with what this install shows of them.

Written by `python -m mosaic_admin.code_pages`; a test holds it against the code.
"""


def render(codes: Iterable[Code]) -> str:
    """Return the page: one section for each area, one for each code in it."""
    lines = [HEAD]
    last = ""
    for code in sorted(codes, key=lambda item: item.id):
        area = code.id.split("-")[1]
        if area != last:
            lines.append(f"## {AREAS[area]} (MOS-{area})\n")
            last = area
        lines.append(
            f"### {code.id}\n\n**{code.title}.** {code.meaning}\n\n"
            f"Exit code {code.exit_code.value}, HTTP status {code.http_status}.\n"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    from mosaic_admin.wiring import ALL_CODES

    sys.stdout.write(render(ALL_CODES.values()))
