"""The `mosaic.config.json` that the demo writes when there is none."""

from __future__ import annotations

import copy
import json
import os
import re
from pathlib import Path
from typing import Any

from compose.embedded.federated import ROLE
from mosaic_admin.demo.plan import DemoPlan
from mosaic_admin.private_files import write_private


def standalone_document(plan: DemoPlan) -> dict[str, Any]:
    """Return the sample store's configuration; its passwords stay in their files."""
    return {
        "version": 1,
        "tier": "standalone",
        "storage": {
            "type": "postgres",
            "url": f"postgresql://{ROLE}@127.0.0.1:{plan.source.port}/{ROLE}",
            "passwordFile": _relative(plan, "source-postgres"),
        },
        "queue": {
            "type": "bullmq",
            "url": f"redis://127.0.0.1:{plan.queue.port}/1",  # database 1: the federated gateway's queue is 0
            "passwordFile": _relative(plan, "federated-valkey"),
        },
        "memory": {"type": "keyword"},
    }


def federated_document(plan: DemoPlan) -> dict[str, Any]:
    """Return the configuration of the embedded federated stack."""
    return {
        "version": 1,
        "tier": "federated",
        "storage": {
            "type": "postgres",
            "url": f"postgresql://{ROLE}@127.0.0.1:{plan.federated.port}/{ROLE}",
            "passwordFile": _relative(plan, "federated-postgres"),
            "enableVector": True,
        },
        "queue": {
            "type": "bullmq",
            "url": f"redis://127.0.0.1:{plan.queue.port}/0",
            "passwordFile": _relative(plan, "federated-valkey"),
        },
        "memory": {"type": "pgvector"},
    }


def write_when_absent(plan: DemoPlan) -> bool:
    """Write the standalone configuration, unless a file is there: it may be somebody's own. Return whether it did."""
    if plan.config_file.exists():
        return False
    _write(plan.config_file, standalone_document(plan))
    return True


def follow_ports_in_file(plan: DemoPlan) -> bool:
    """Bring a configuration of the demo's servers up to the ports that they have now; return whether it changed."""
    try:
        document = json.loads(plan.config_file.read_text())
    except (OSError, ValueError):
        return False
    followed = follow_ports(plan, document)
    if followed != document:
        _write(plan.config_file, followed)
    return bool(followed != document)


def follow_ports(plan: DemoPlan, document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the present port of every server of the demo in it; others' addresses stay."""
    ports = {
        plan.secrets / "source-postgres": plan.source.port,
        plan.secrets / "federated-postgres": plan.federated.port,
        plan.secrets / "federated-valkey": plan.queue.port,
    }
    followed = copy.deepcopy(document)
    for part in _sections(followed):
        port = ports.get((plan.config_file.parent / part["passwordFile"]).resolve())
        if port is not None and isinstance(part.get("url"), str):
            part["url"] = re.sub(r"([@/]127\.0\.0\.1:)\d+", rf"\g<1>{port}", part["url"], count=1)
    return followed


def is_ours(config_file: Path, home: Path) -> bool:
    """Say whether a configuration belongs to this demo: its secrets lie in this home, whoever rewrote it since."""
    try:
        document = json.loads(config_file.read_text())
    except (OSError, ValueError):
        return False
    files = [config_file.parent / part["passwordFile"] for part in _sections(document)]
    return any(path.resolve().is_relative_to(home / "secrets") for path in files)


def _sections(document: Any) -> list[dict[str, Any]]:
    """Return the document's sections that keep their password in a file."""
    parts = document.values() if isinstance(document, dict) else ()
    return [part for part in parts if isinstance(part, dict) and isinstance(part.get("passwordFile"), str)]


def _write(path: Path, document: dict[str, Any]) -> None:
    write_private(path, json.dumps(document, indent=2) + "\n")


def _relative(plan: DemoPlan, secret: str) -> str:
    return os.path.relpath(plan.secrets / secret, plan.config_file.parent)
