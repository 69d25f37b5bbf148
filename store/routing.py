"""Keeps the store's tables on the alias `store`, and everything else off it."""

from __future__ import annotations

from typing import Any

from django.db.models import Model


class StoreRouter:
    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return "store" if model._meta.app_label == "store" else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return (db == "store") == (app_label == "store")
