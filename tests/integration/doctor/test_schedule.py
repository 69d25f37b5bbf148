"""The doctor looks without being asked: once when a worker starts, then on beat's schedule."""

from __future__ import annotations

from typing import Any

import pytest
from celery.signals import worker_ready

from doctor import tasks
from doctor.models import Span
from mosaic_admin.celery import app


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_starts_has_the_install_examined(control_valkey: Any, settings: Any) -> None:
    app.conf.task_always_eager = True
    try:
        worker_ready.send(sender=None)
    finally:
        app.conf.task_always_eager = False
    assert Span.objects.count() == 1, tasks.check.name
