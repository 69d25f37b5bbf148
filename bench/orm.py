"""What most people write first: read rows, make Django objects, upsert a thousand at a time with `bulk_create`."""

from __future__ import annotations

import itertools
import time
from typing import Any

import psycopg
from psycopg.rows import dict_row

BATCH = 1_000


def orm_upsert(source: str, target: str) -> tuple[float, str]:
    """Return the wall seconds of all canonical tables, indexes in place, and a note. Rows are read with one cursor."""
    from django.apps import apps
    from django.db import transaction

    from migration.prepare import prepare_schema
    from store.alias import ALIAS, store_alias
    from tests.integration.engine.support import target_at

    end = target_at(target)
    prepare_schema(end)
    started = time.monotonic()
    count = 0
    with store_alias(end.config.storage), psycopg.connect(source, row_factory=dict_row) as reading:
        for model in in_order(list(apps.get_app_config("store").get_models())):
            names = [field.attname for field in model._meta.concrete_fields]
            key = model._meta.pk.attname
            # one transaction for a table: a row may refer to one of a later batch
            with transaction.atomic(using=ALIAS), reading.cursor(name="rows") as rows:
                rows.itersize = BATCH
                rows.execute(f'SELECT {", ".join(names)} FROM "{model._meta.db_table}"'.encode())
                while batch := [model(**row) for row in itertools.islice(rows, BATCH)]:
                    model._base_manager.using(ALIAS).bulk_create(
                        batch, update_conflicts=True, unique_fields=[key],
                        update_fields=[name for name in names if name != key],
                    )  # fmt: skip
                    count += len(batch)
    return time.monotonic() - started, f"{count} rows, only the canonical tables"


def in_order(models: list[Any]) -> list[Any]:
    """Parents first; a table that refers to itself is left to its deferred key."""
    done: list[Any] = []
    while models:
        ready = [m for m in models if not {f.related_model for f in m._meta.concrete_fields} & set(models) - {m}]
        done += ready
        models = [m for m in models if m not in ready]
    return done
