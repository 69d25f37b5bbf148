"""The published JSON Schema of the report."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of `schema_version` 1."""
    schema: dict[str, Any] = json.loads((Path(__file__).parent / "report-1.json").read_text(encoding="utf-8"))
    return schema
