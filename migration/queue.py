"""Sending jobs to workers: small messages `(job_id, attempt)`; the row says everything else."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from migration.job_errors import BrokerDownError
from migration.jobs import Kind
from migration.models import MigrationJob
from mosaic_admin.broker import celery_app

TASK_NAMES: dict[Kind, str] = {"plan": "migration.plan", "run": "migration.run"}
BROKER_TIMEOUT_S = 2  # the broker is on this machine or near it: slower than this is down

log = logging.getLogger(__name__)


def ensure_broker() -> None:
    """Ask the broker before a row is written that would wait for a message which cannot be sent.

    Raises:
        BrokerDownError: it does not answer.
    """
    connection = celery_app().connection_for_write()
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_TIMEOUT_S)
    except (OperationalError, OSError) as exc:
        raise broker_down() from exc
    finally:
        connection.release()


def broker_down() -> BrokerDownError:
    return BrokerDownError(
        "The job queue (the control plane's Valkey) does not answer, so no worker can be told. Nothing was started.",
        remediation="Start it (make run, or the Valkey that VALKEY_URL names), then try again; from a shell, "
        "`mosaic storage migrate-tier --to federated --inline` needs no queue.",
    )


def enqueue(kind: Kind, job: MigrationJob) -> None:
    """Send the message once the row is committed. A send that fails is repeated by the sweeper."""
    message = [job.pk, job.attempt]
    transaction.on_commit(lambda: send(kind, message))


def send(kind: Kind, message: list[Any]) -> bool:
    MigrationJob.objects.filter(pk=message[0]).update(enqueued_at=timezone.now())
    try:
        celery_app().send_task(TASK_NAMES[kind], args=message)
    except (OperationalError, OSError):
        log.warning("The broker did not take the message for job %s; the sweeper sends it again.", message[0])
        return False
    return True
