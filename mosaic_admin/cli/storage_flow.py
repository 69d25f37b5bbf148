"""The steps of `mosaic storage migrate-tier`; loaded after Django."""

from __future__ import annotations

import getpass
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import click
from django.db import connection
from django.db.utils import OperationalError, ProgrammingError
from django.utils import timezone

from migration import choices, decisions, pulse, rehearsal, runner, services
from migration.job_errors import PlanNotReadyError, StalePlanError, WrongStateError
from migration.models import EffectiveState, JobState, MigrationJob
from mosaic_admin import codes
from mosaic_admin.cli import storage_view
from mosaic_admin.cli.printing import echo
from mosaic_admin.codes import ExitCode
from mosaic_admin.errors import MosaicError, SettingError
from mosaic_admin.wiring import ALL_CODES
from tiers.schema import Tier

POLL_S = 0.5
SOURCE_STOPPED = (
    "Other hosts and containers can't be seen from here. Is every program that uses the source's directory stopped?"
)
ENDED = frozenset(EffectiveState) - {EffectiveState.PLANNING, EffectiveState.QUEUED, EffectiveState.RUNNING}
Options = dict[str, Any]


def shell_actor() -> services.Actor:
    return services.Actor(f"{getpass.getuser()} (shell)")


def migrate(options: Options) -> int:
    """Do what the options ask; returns the exit code."""
    require_tables()
    if options["resume"]:
        return _resume(options)
    job = _planned(options)
    if job.state != JobState.PLANNED:
        return _report(job, options)
    _refuse_stale(job, options)
    if options["rehearse"]:
        return _rehearse(job, options)
    if options["dry_run"] or not (job.plan or {})["is_ready"]:
        return _report_plan(job, options)
    if not options["yes"]:
        if options["as_json"] or not sys.stdin.isatty():
            return _ask_for_hash(job, options)
        storage_view.show_plan(job, options)
    return _start(job, options)


def require_tables() -> None:
    """Refuse in plain words where the control plane has not been set up."""
    try:
        MigrationJob.objects.exists()
    except (OperationalError, ProgrammingError):
        raise SettingError(
            "The control plane's database has no tables yet.",
            remediation="Make them: mosaic demo (or .venv/bin/python manage.py migrate), then try again.",
        ) from None


def _planned(options: Options) -> MigrationJob:
    """Return a job with a fresh plan: the one that has the confirmed hash, planned again, or a new one."""
    is_inline, by, decided = options["inline"], shell_actor(), _decisions(options)
    known = MigrationJob.objects.filter(state=JobState.PLANNED, plan_hash=options["plan_hash"] or "-").first()
    if known is not None:
        job = services.decide(job=known, by=by, is_inline=is_inline)
    else:
        job = services.request_plan(
            source=choices.from_file(options["source"]) if options["source"] else choices.active_source(),
            target=choices.from_file(options["target"]) if options["target"] else choices.default_target(),
            decisions=decided,
            by=by,
            is_inline=is_inline,
        )
    if options["max_mb_s"] is not None:
        services.set_throttle(job=job, max_mb_s=options["max_mb_s"], by=by)
    return _work(job, options, runner.make_plan)


def _decisions(options: Options) -> Any:
    names = ("carry_tables", "skip_tables", "carry_columns", "drop_columns", "map_values")
    return decisions.from_options(
        **{name: options[name] for name in names},
        allow_rejects=options["allow_rejects"],
        allow_sessions=options["allow_sessions"],
    )


def _refuse_stale(job: MigrationJob, options: Options) -> None:
    if options["plan_hash"] and not job.plan_hash.startswith(options["plan_hash"]):
        raise StalePlanError(
            f"The plan is {job.plan_hash[:16]} now, not {options['plan_hash'][:16]}: the source, the target or a "
            "decision has changed.",
            remediation="Read the new plan and confirm its hash: mosaic storage migrate-tier --to federated --dry-run",
        )


def _rehearse(job: MigrationJob, options: Options) -> int:
    """Rehearse the dry run; then show how that ended, and the plan with the measured times."""
    made = rehearsal.request_rehearsal(job=job, by=shell_actor(), is_inline=options["inline"])
    try:
        made = _work(made, options, _plan_and_run)
    finally:
        rehearsal.sweep()  # stopped here, there may be no beat that would drop its database
    code = _ended_exit(made)
    if options["as_json"]:
        storage_view.show_job_document(made, code)
        return code
    storage_view.show_job(made)
    _raise_stored_error(made)
    job.refresh_from_db()
    storage_view.show_plan(job, options)
    return code


def _plan_and_run(job_id: int, attempt: int) -> bool:
    return runner.make_plan(job_id, attempt) and runner.run(job_id, attempt)


def _report_plan(job: MigrationJob, options: Options) -> int:
    """Show the plan; the exit code says whether it could start."""
    code = _plan_exit(job)
    if options["as_json"]:
        storage_view.show_job_document(job, code)
    else:
        storage_view.show_plan(job, options)
    return code


def _plan_exit(job: MigrationJob) -> int:
    plan = job.plan or {}
    if plan["open_decisions"]:
        return ExitCode.DECISION
    blocking = [check["code"] for check in plan["checks"] if check["status"] == "fail"]
    return _exit_code(blocking[0]) if blocking else ExitCode.OK


def _exit_code(code: str) -> ExitCode:
    return ALL_CODES[code].exit_code if code in ALL_CODES else codes.BUG.exit_code


def _ask_for_hash(job: MigrationJob, options: Options) -> int:
    error = PlanNotReadyError(
        "Starting needs a confirmation, and nobody can be asked here.",
        remediation=storage_view.command_to_go_on(job, options),
        plan_hash=job.plan_hash,
    )
    raise error


def _start(job: MigrationJob, options: Options) -> int:
    name = job.target_name
    if not options["yes"]:
        if job.source_tier == Tier.LOCAL:
            click.confirm(SOURCE_STOPPED, abort=True, err=True)
        name = click.prompt(f"Type the target's name ({job.target_name}) to start run #{job.number}", err=True)
    is_inline = options["inline"]
    job = services.start_migration(
        job=job,
        plan_hash=job.plan_hash,
        target_name=name,
        is_source_stopped=True,  # asked above; --yes says yes to that as well
        by=shell_actor(),
        is_inline=is_inline,
    )
    return _report(_work(job, options, runner.run), options)


def _resume(options: Options) -> int:
    candidates = MigrationJob.objects.filter(
        state__in=(JobState.RUNNING, JobState.PAUSED, JobState.FAILED), is_error_final=False
    )
    job = next((job for job in candidates if job.is_resumable), None)
    if job is None:
        raise WrongStateError(
            "No run is paused, interrupted or failed.",
            remediation="See `mosaic storage status`; a run whose worker was just killed shows as interrupted "
            "within 30 s.",
        )
    job = services.resume_migration(job=job, by=shell_actor(), is_inline=options["inline"])
    return _report(_work(job, options, runner.run), options)


def _work(job: MigrationJob, options: Options, work: Callable[[int, int], bool]) -> MigrationJob:
    """Follow the job to the end of its attempt, done by a worker or, inline, by a thread of this process."""
    if not options["inline"]:
        return _follow(job, options)
    thread = threading.Thread(target=_inline, args=(work, job.pk, job.attempt), name="inline-job")
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        thread.start()
        job = _follow(job, options, is_alive=thread.is_alive)
        thread.join()
    except (KeyboardInterrupt, click.Abort):
        pulse.stop_all()
        thread.join(timeout=5)
        echo(f"Stopped. Run #{job.number} can be resumed: {storage_view.RESUME} --inline", err=True)
        sys.exit(ExitCode.DETACHED)
    finally:
        signal.signal(signal.SIGTERM, former)
    job.refresh_from_db()
    return job


def _inline(work: Callable[[int, int], bool], job_id: int, attempt: int) -> None:
    try:
        work(job_id, attempt)
    finally:
        connection.close()


def _follow(job: MigrationJob, options: Options, *, is_alive: Callable[[], bool] | None = None) -> MigrationJob:
    """Show progress until the attempt ends; Ctrl-C detaches from a worker's run."""
    with storage_view.progress_display(quiet=options["as_json"]) as display:
        try:
            while job.effective_state(timezone.now()) not in ENDED:
                display.show(job)
                time.sleep(POLL_S)
                if is_alive is not None and not is_alive():
                    break
                job.refresh_from_db()
        except KeyboardInterrupt:
            if is_alive is not None:
                raise
            echo(f"Detached; run #{job.number} goes on. See: mosaic storage status {job.number}", err=True)
            sys.exit(ExitCode.DETACHED)
        job.refresh_from_db()
        display.show(job)
    return job


def _report(job: MigrationJob, options: Options) -> int:
    """Show how the attempt ended; an error keeps its code's exit code."""
    code = _ended_exit(job)
    if options["as_json"]:
        storage_view.show_job_document(job, code)
    else:
        storage_view.show_job(job)
        _raise_stored_error(job)
    return code


def _ended_exit(job: MigrationJob) -> int:
    match job.effective_state():
        case EffectiveState.VERIFIED | EffectiveState.REHEARSED:
            return ExitCode.OK
        case EffectiveState.FAILED | EffectiveState.PLAN_FAILED:
            return _exit_code(job.error_code)
        case _:
            return ExitCode.BUSY  # paused, interrupted, cancelled: unfinished on this store


def _raise_stored_error(job: MigrationJob) -> None:
    if job.error_code:
        code = ALL_CODES.get(job.error_code, codes.BUG)
        raise MosaicError(job.error_message, remediation=job.error_remediation, code=code)
