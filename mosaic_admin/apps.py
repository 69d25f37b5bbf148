"""The dashboard as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings

from mosaic_admin.backup import in_use


class MosaicAdminConfig(AppConfig):
    name = "mosaic_admin"

    def ready(self) -> None:
        """Tell a restore that somebody works here: web, worker, beat and every command come by."""
        in_use.share(settings.HOME)
