from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from doctor.examine import examine, file_subject, tier_word
from doctor.findings import Finding
from doctor.report import Report
from mosaic_admin.wiring import probes_for
from store.ledger import create_ledger

WriteConfig = Callable[..., Path]


@pytest.fixture
def write_config(tmp_path: Path) -> WriteConfig:
    """Return `write_config(storage_url, queue_url, tier="federated") -> path`."""

    def write(storage_url: str, queue_url: str, *, tier: str = "federated") -> Path:
        is_federated = tier == "federated"
        document: dict[str, Any] = {
            "version": 1,
            "tier": tier,
            "storage": {"type": "postgres", "url": storage_url, "enableVector": is_federated},
            "queue": {"type": "bullmq", "url": queue_url},
            "memory": {"type": "pgvector" if is_federated else "keyword"},
        }
        path = tmp_path / "mosaic.config.json"
        path.write_text(json.dumps(document))
        return path

    return write


def report_on(path: Path) -> Report:
    """Examine the servers of a configuration: what a gateway would say of their tables is left out."""
    subject = file_subject(path)
    return examine(replace(subject, tier=tier_word(path)), probes_for)


def begin_run(url: str, state: str) -> None:
    """Put a migration's run in this state into the database's ledger."""
    with psycopg.connect(url) as connection:
        create_ledger(connection)
        connection.execute(
            "INSERT INTO mosaic_migration.run (run_id, ledger_version, epoch, state, phase, source_system,"
            " source_database, source_label, target_system, target_database, plan_hash, plan, holder, job_number,"
            " engine_version)"
            " VALUES (gen_random_uuid(), 1, 1, %s, 'copy', '1', 'a', 'a', '2', 'b', 'h', '{}', '', 7, '1')",
            (state,),
        )


def found(report: Report, probe: str) -> Finding:
    return next(item for item in report.findings if item.probe == probe)


def codes_of(report: Report) -> list[str]:
    """The codes of everything that wants attention, root cause first."""
    return [item.code.id for item in report.findings if item.code]


def as_role(url: str, role: str, *, superuser: bool = False) -> str:
    """Make a role with a password in the server of `url`, owner of its database; return its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {role}")
        kind = "SUPERUSER" if superuser else "NOSUPERUSER"
        connection.execute(f"CREATE ROLE {role} LOGIN {kind} PASSWORD 'role-password-1'")
        database = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{database}" OWNER TO {role}')
        return f"postgresql://{role}:role-password-1@{connection.info.host}:{connection.info.port}/{database}"


def silent_port() -> AbstractContextManager[int]:
    """A port that takes connections and never says a word: a black hole."""
    return greeting_port(b"")


@contextmanager
def greeting_port(words: bytes) -> Iterator[int]:
    """A port that says `words` to whoever comes, and no more."""
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                    kept[-1].sendall(words)
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(2)
    for connection in kept:
        connection.close()


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that nobody listens on: bound, so that no other test takes it, and not listening."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
