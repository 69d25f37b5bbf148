"""What a fresh install of each tier starts from."""

from __future__ import annotations

from typing import Any, Final

DEFAULT_LOCAL_CONFIG: Final[dict[str, Any]] = {
    "version": 1,
    "tier": "local",
    "storage": {"type": "pglite", "dataDir": ".mosaic/pglite"},
    "queue": {"type": "local"},
    "memory": {"type": "keyword"},
}
DEFAULT_STANDALONE_CONFIG: Final[dict[str, Any]] = {
    "version": 1,
    "tier": "standalone",
    "storage": {
        "type": "postgres",
        "url": "postgresql://mosaic:${MOSAIC_PG_PASSWORD}@127.0.0.1:5432/mosaic",
        "enableVector": False,
    },
    "queue": {"type": "bullmq", "url": "redis://:${MOSAIC_VALKEY_PASSWORD}@127.0.0.1:6379/0"},
    "memory": {"type": "keyword"},
}
DEFAULT_FEDERATED_CONFIG: Final[dict[str, Any]] = {
    "version": 1,
    "tier": "federated",
    "storage": {
        "type": "postgres",
        "url": "postgresql://mosaic:${MOSAIC_PG_PASSWORD}@127.0.0.1:5433/mosaic",
        "enableVector": True,
    },
    "queue": {"type": "bullmq", "url": "redis://:${MOSAIC_VALKEY_PASSWORD}@127.0.0.1:6380/0"},
    "memory": {"type": "pgvector"},
}
