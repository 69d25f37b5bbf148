"""The `mosaic.config.json` that the demo writes when there is none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mosaic_admin.demo.plan import ROLE, DemoPlan


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
    draft = plan.config_file.with_name(f".{plan.config_file.name}.{os.getpid()}")
    draft.write_text(json.dumps(standalone_document(plan), indent=2) + "\n")
    draft.rename(plan.config_file)
    return True


def is_ours(config_file: Path, home: Path) -> bool:
    """Say whether a configuration belongs to this demo: its secrets lie in this home, whoever rewrote it since."""
    try:
        document = json.loads(config_file.read_text())
    except (OSError, ValueError):
        return False
    sections = [part for part in document.values() if isinstance(part, dict)] if isinstance(document, dict) else []
    files = [part["passwordFile"] for part in sections if isinstance(part.get("passwordFile"), str)]
    return any((config_file.parent / name).resolve().is_relative_to(home / "secrets") for name in files)


def _relative(plan: DemoPlan, secret: str) -> str:
    return os.path.relpath(plan.secrets / secret, plan.config_file.parent)
