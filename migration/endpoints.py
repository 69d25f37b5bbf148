"""From a chosen configuration document to the engine's endpoint, and the names people know an end by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from migration.engine.model import Endpoint
from migration.models import MigrationJob
from migration.scratch import in_scratch
from tiers.config import PostgresStorage, ResolvedConfig, resolve_document
from tiers.pglite.directory import system_identifier
from tiers.postgres import connect, driver_errors


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
    """Return the end that the job writes to: a rehearsal's is its scratch database on the same server."""
    end = _endpoint(job.target_document, job.target_base_dir, job.target_label)
    if not job.is_rehearsal:
        return end
    if not job.scratch_database:
        raise ValueError(f"rehearsal #{job.number} has no scratch database any more, and may touch no other")
    assert isinstance(end.config.storage, PostgresStorage)
    return replace(end, config=replace(end.config, storage=in_scratch(end.config.storage, job.scratch_database)))


def target_storage(job: MigrationJob) -> PostgresStorage:
    """Return the target's storage as it was chosen, also for a rehearsal."""
    storage = _endpoint(job.target_document, job.target_base_dir, job.target_label).config.storage
    assert isinstance(storage, PostgresStorage)  # the federated tier has no other storage
    return storage


def _endpoint(document: dict[str, Any], base_dir: str, label: str) -> Endpoint:
    return Endpoint(resolve_document(document, base_dir=Path(base_dir or ".")), label)


def rebased(document: dict[str, Any], base_dir: str, folder: Path) -> dict[str, Any]:
    """Return a document whose secret files are found from `folder` as they were from `base_dir`."""
    if Path(base_dir or ".").resolve() == folder.resolve():
        return document
    return {name: _rebased_part(part, Path(base_dir or ".")) for name, part in document.items()}


def _rebased_part(part: Any, base: Path) -> Any:
    if not isinstance(part, dict) or not isinstance(part.get("passwordFile"), str) or "${" in part["passwordFile"]:
        return part
    return {**part, "passwordFile": str((base / part["passwordFile"]).resolve())}


def fingerprint(config: ResolvedConfig) -> str:
    """Return what tells one store from all others: the server's own identifier and the database, or the directory.

    Raises: the ServiceError of a server that cannot be asked.
    """
    storage = config.storage
    if not isinstance(storage, PostgresStorage):
        # both: a copy elsewhere has the same number, and a directory made anew has the same path
        return f"pglite:{system_identifier(storage.data_dir)}:{storage.data_dir.resolve()}"
    query = "SELECT system_identifier::text || '/' || current_database()::text FROM pg_catalog.pg_control_system()"
    with driver_errors(storage.display), connect(storage.url, application_name="mosaic fingerprint") as link:
        row = link.execute(query).fetchone()
    return str(row[0]) if row else ""


def name_to_type(config: ResolvedConfig) -> str:
    """Return what a person types to confirm a target: `database@host:port`, never a user or a password."""
    url = getattr(config.storage, "url", "")
    if not url:
        return str(config.storage.display)
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "localhost"
    return f"{parts.path.lstrip('/') or 'postgres'}@{host}:{parts.port or 5432}"
