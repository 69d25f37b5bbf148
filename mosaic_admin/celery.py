"""The Celery application of the control plane: worker (threads pool) and beat."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")
app = Celery("mosaic_admin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["migration", "doctor"])
