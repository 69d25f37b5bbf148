"""The Celery application of the control plane: worker (threads pool) and beat."""

import os
from pathlib import Path

from celery import Celery
from celery.signals import heartbeat_sent

DOCTOR_S = 60.0
FORGET_S = 3600.0  # the limit is in days
SWEEP_S = 15.0  # a lost message costs a run at most twice this before it starts

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mosaic_admin.settings")
app = Celery("mosaic_admin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.worker_pool = "threads"  # one process sees its own shutdown signal and can end its jobs' leases
app.conf.worker_prefetch_multiplier = 1  # a job waits in the broker for a free worker, not in a busy one
app.conf.beat_schedule = {
    "forget-migrations": {"task": "migration.forget", "schedule": FORGET_S},
    "sweep-migrations": {"task": "migration.sweep", "schedule": SWEEP_S},
    # A report that waited for a minute would only be followed by the next one.
    "doctor": {"task": "doctor.check", "schedule": DOCTOR_S, "options": {"expires": DOCTOR_S - 10}},
}
if "MOSAIC_WORKER_ALIVE_FILE" in os.environ:  # what the container's health check looks at
    heartbeat_sent.connect(lambda **_: Path(os.environ["MOSAIC_WORKER_ALIVE_FILE"]).touch(), weak=False)
app.autodiscover_tasks(["migration", "doctor", "compose"])
