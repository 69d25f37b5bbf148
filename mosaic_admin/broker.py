"""The project's Celery application, for packages below it."""

from __future__ import annotations

from celery import Celery
from django.conf import settings
from django.utils.module_loading import import_string


def celery_app() -> Celery:
    """Return the application; named in the settings, since it lives above the packages that send tasks."""
    app: Celery = import_string(settings.MOSAIC_CELERY_APP)
    return app
