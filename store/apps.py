"""The store as a Django app: its tables live on the alias `store` only."""

from __future__ import annotations

from django.apps import AppConfig


class StoreConfig(AppConfig):
    name = "store"
    verbose_name = "Mosaic store"
