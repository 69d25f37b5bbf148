"""A zip file to hand out; every text in it goes through the redaction."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from mosaic_admin.redaction import redact, redact_data


def zipped(texts: Mapping[str, str], documents: Mapping[str, Any]) -> bytes:
    """Return a zip file of texts as they are and of documents as JSON, by their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, redact(text))
        for name, data in documents.items():
            archive.writestr(name, redact(json.dumps(redact_data(data), indent=1, ensure_ascii=False)))
    return buffer.getvalue()
