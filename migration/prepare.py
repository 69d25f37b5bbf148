"""Phase prepare: the store's schema in the target, by Django's schema migrations on the alias `store`."""

from __future__ import annotations

import threading

from migration.engine.model import Endpoint
from store.alias import migrate_store, store_alias
from tiers.config import PostgresStorage

# A schema named like the role would come first otherwise, and get the tables; Django reads times in ISO only.
IN_PUBLIC = "-c search_path=public -c DateStyle=ISO"
_alias = threading.Lock()  # the alias is one name for the whole process, and a worker may run two jobs


def prepare_schema(target: Endpoint) -> None:
    """Create the extension and the canonical tables in the target; idempotent, closes its connection."""
    storage = target.config.storage
    assert isinstance(storage, PostgresStorage)  # the federated tier has no other storage: the plan checked it
    with _alias, store_alias(storage, application_name="mosaic-mig prepare", options=IN_PUBLIC):
        migrate_store()
