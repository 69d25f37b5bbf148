"""Lines of a server's log, made fit to be shown."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from compose.runtime import LogLine
from mosaic_admin.redaction import redact

TAIL = 200  # lines a page shows; the whole log is the runtime's own
READ_BYTES = 256 * 1024
_TROUBLE = re.compile(r"\b(FATAL|PANIC|ERROR|WARNING)\b|^\S+ # ")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f]")


# What PostgreSQL adds to an error: the row, the statement with its values, and the lines that a long one goes on in.
_QUOTED = re.compile(r"\b(?:DETAIL|STATEMENT|CONTEXT|QUERY):  |^\t")


def without_rows(lines: list[LogLine]) -> list[LogLine]:
    """Leave out the lines that quote what people keep in the store: not everybody who looks after it may read it."""
    return [line for line in lines if not _QUOTED.search(line.text)]


def log_line(text: str, at: datetime | None = None) -> LogLine:
    """Return one line, redacted and without terminal codes; trouble is judged on the text as the server wrote it."""
    plain = _ESCAPES.sub("", text)
    return LogLine(redact(plain), at, is_trouble=bool(_TROUBLE.search(plain)))


def tail_of(path: Path, lines: int) -> list[LogLine]:
    """Return the last lines of a log file, oldest first; a file that is not there has none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - READ_BYTES))
            found = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return [log_line(line) for line in found[-lines:] if line.strip()]
