"""From a chosen configuration document to the engine's endpoint, and the names people know an end by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from migration.engine.model import Endpoint
from migration.models import MigrationJob
from tiers.config import ResolvedConfig, resolve_document


@dataclass(frozen=True)
class EndpointChoice:
    """A configuration somebody picked: the raw document (secrets by reference) and where its files are relative to."""

    document: dict[str, Any]
    base_dir: str
    label: str

    @property
    def tier(self) -> str:
        return str(self.document.get("tier", ""))


def source_endpoint(job: MigrationJob) -> Endpoint:
    """Resolve variables and secret files here, in the process that connects; nothing resolved is stored."""
    return _endpoint(job.source_document, job.source_base_dir, job.source_label)


def target_endpoint(job: MigrationJob) -> Endpoint:
    return _endpoint(job.target_document, job.target_base_dir, job.target_label)


def _endpoint(document: dict[str, Any], base_dir: str, label: str) -> Endpoint:
    return Endpoint(resolve_document(document, base_dir=Path(base_dir or ".")), label)


def name_to_type(config: ResolvedConfig) -> str:
    """Return what a person types to confirm a target: `database@host:port`, never a user or a password."""
    url = getattr(config.storage, "url", "")
    if not url:
        return str(config.storage.display)
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "localhost"
    return f"{parts.path.lstrip('/') or 'postgres'}@{host}:{parts.port or 5432}"
