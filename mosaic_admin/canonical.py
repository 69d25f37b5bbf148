"""One text for one value: what hashes, tags and signatures are taken over."""

from __future__ import annotations

import json
from typing import Any


def canonical_json(data: Any) -> str:
    """Return JSON with sorted keys, no spaces and unescaped UTF-8."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
