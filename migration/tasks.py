"""Celery tasks: thin, acknowledged early, safe to deliver twice. The job row is the truth."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down
from django.db import close_old_connections

from migration import pulse, rehearsal, retention, runner, sweeper
from mosaic_admin import env


@shared_task(name="migration.plan")
def plan(job_id: int, attempt: int) -> None:
    """Make the dry run of one attempt; a stale or repeated message does nothing."""

    def work() -> None:
        if runner.make_plan(job_id, attempt):
            rehearsal.send_on(job_id)

    _with_connection(work)


@shared_task(name="migration.run")
def run(job_id: int, attempt: int) -> None:
    """Run or resume one attempt; a stale or repeated message does nothing.

    Acknowledged before it starts (Celery's default): the broker would deliver an unacknowledged task again after
    an hour, in the middle of a long run.
    """
    _with_connection(lambda: runner.run(job_id, attempt))


@shared_task(name="migration.sweep", ignore_result=True)
def sweep() -> None:
    """Send again what got lost on the way to a worker."""
    _with_connection(sweeper.sweep)


@shared_task(name="migration.forget", ignore_result=True)
def forget() -> None:
    """Let old runs leave the history, where the install says so."""
    days = env.load().keep_runs_days
    if days:
        _with_connection(lambda: retention.forget(days=days))


def _with_connection(work: Any) -> None:
    close_old_connections()
    try:
        work()
    finally:
        close_old_connections()


@worker_shutting_down.connect
def interrupt_jobs(**_: Any) -> None:
    """With the threads pool this process holds the jobs: end their leases now, not when the warm shutdown is over."""
    pulse.stop_all()
