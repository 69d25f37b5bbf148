"""Does one attempt of one job in this process: claims it, lets the engine work, and writes how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from django.db import Error, connection
from django.utils import timezone

import migration.engine
from migration import notices, rehearsal
from migration.endpoints import name_to_type, source_endpoint, target_endpoint
from migration.engine.connections import translate
from migration.engine.model import (
    Cancelled,
    Decisions,
    Engine,
    LeaseLost,
    Outcome,
    OutcomeState,
    Paused,
    Plan,
    RunOptions,
)
from migration.job_codes import DIFFERENCES, REJECTS
from migration.jobs import LEASE_S, Claim, add_event, claim, finish, worker_name
from migration.models import JobState, MigrationJob
from migration.prepare import prepare_schema
from migration.pulse import Pulse
from migration.signing import ensure_key, sign
from mosaic_admin import codes, env
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact

RETRY_S = 1.0
# of a job; the others are the runner's own
_ENGINE_OPTIONS = ("copiers", "chunk_rows", "verify_mode", "analyze", "vector_indexes")

log = logging.getLogger(__name__)


def default_engine() -> Engine:
    return cast(Engine, migration.engine)


def make_plan(job_id: int, attempt: int, *, engine: Engine | None = None) -> bool:
    """Make the dry run of one attempt. Returns False when the attempt was not ours to take."""
    held = claim("plan", job_id, attempt, worker_name())
    if held is None:
        return False
    _guarded(held, JobState.PLAN_FAILED, lambda pulse: _plan(held, engine or default_engine()))
    rehearsal.settle(job_id)
    return True


def run(job_id: int, attempt: int, *, engine: Engine | None = None) -> bool:
    """Run or resume one attempt. Returns False when the attempt was not ours to take."""
    held = claim("run", job_id, attempt, worker_name())
    if held is None:
        return False
    _guarded(held, JobState.FAILED, lambda pulse: _run(held, pulse, engine or default_engine()))
    rehearsal.settle(job_id)
    notices.tell(job_id)
    return True


def _guarded(held: Claim, failed: JobState, work: Callable[[Pulse], dict[str, Any]]) -> None:
    """Turn every way out of `work` into the end of the attempt; a lost lease writes nothing at all."""
    try:
        with Pulse(held, _limit_of(held)) as pulse:
            ending = work(pulse)
    except LeaseLost:
        log.warning("Job %s attempt %s: the lease is gone, stopped.", held.job_id, held.attempt)
        return
    except Paused:
        ending = {"state": JobState.PAUSED, "event": "Paused; locks and connections are let go"}
    except Cancelled:
        ending = {"state": JobState.CANCELLED, "event": "Cancelled", "finished_at": timezone.now()}
    except MosaicError as error:
        log.warning("Job %s failed: %s %s", held.job_id, error.code.id, error.message)
        ending = _failure(failed, error)
    except MemoryError as error:
        log.warning("Job %s failed: the worker ran out of memory.", held.job_id)
        ending = _failure(failed, cast(MosaicError, translate(error)))
    except Exception:
        log.exception("Job %s failed with a bug.", held.job_id)
        ending = _failure(failed, _bug())
    if not _finish(held, ending):
        log.warning("Job %s attempt %s: ended after its lease was lost, nothing written.", held.job_id, held.attempt)


def _finish(held: Claim, ending: dict[str, Any]) -> bool:
    """Write the end, again and again while the lease may last: a control plane that restarts must not cost a result."""
    give_up_at = time.monotonic() + LEASE_S
    while True:
        try:
            return finish(held, **ending)
        except Error:
            if time.monotonic() > give_up_at:
                raise
            log.warning("Job %s: the control plane did not take the result; trying again.", held.job_id)
            connection.close()
            time.sleep(RETRY_S)


def _limit_of(held: Claim) -> float | None:
    return MigrationJob.objects.values_list("max_mb_s", flat=True).get(pk=held.job_id)


def _bug() -> MosaicError:
    return MosaicError(
        codes.BUG.meaning,
        remediation="Report it with the worker's log (MOSAIC_HOME/logs/worker.log). The source is unchanged; Resume "
        "goes on from the last checkpoint.",
    )


def _failure(state: JobState, error: MosaicError) -> dict[str, Any]:
    message = redact(error.message)
    return {
        "state": state,
        "event": f"{error.code.id} {message}",
        "level": "error",
        "error_code": error.code.id,
        "error_message": message,
        "error_remediation": redact(error.remediation),
        "is_error_final": bool(error.context.get("is_final", False)),
        "finished_at": timezone.now(),
    }


def _plan(held: Claim, engine: Engine) -> dict[str, Any]:
    job = MigrationJob.objects.get(pk=held.job_id)
    if job.is_rehearsal:
        rehearsal.prepare_scratch(job)
    source, target = source_endpoint(job), target_endpoint(job)
    plan = engine.make_plan(source, target, Decisions.from_dict(job.decisions))
    if job.is_rehearsal:
        rehearsal.refuse_unready(plan)
        return _planned(job, plan, name_to_type(target.config)) | {"state": JobState.QUEUED, "enqueued_at": None}
    return _planned(job, rehearsal.measured(plan), name_to_type(target.config))


def _planned(job: MigrationJob, plan: Plan, target_name: str) -> dict[str, Any]:
    return {
        "state": JobState.PLANNED,
        "event": f"Dry run done, plan {plan.hash[:16]}",
        "plan": plan.as_dict(),
        "plan_hash": plan.hash,
        "planned_at": timezone.now(),
        "target_key": f"{plan.target.system_id}/{plan.target.database}",
        "target_name": target_name,
        "rows_total": plan.totals.rows,
        "bytes_total": plan.totals.bytes,
        "search_text": _search_text(job, plan),
        "error_code": "",
        "error_message": "",
        "error_remediation": "",
    }


def _search_text(job: MigrationJob, plan: Plan) -> str:
    words = [job.source_label, job.target_label, plan.source.display, plan.target.display, job.created_by_name]
    return " ".join([*words, *(table.source_table for table in plan.tables)]).lower()


def _run(held: Claim, pulse: Pulse, engine: Engine) -> dict[str, Any]:
    job = MigrationJob.objects.get(pk=held.job_id)
    options = RunOptions(
        **{key: value for key, value in job.options.items() if key in _ENGINE_OPTIONS},
        holder=held.owner,
        job_number=job.number,
        throttle=pulse.throttle,
        locks_source=not job.is_rehearsal,
        lease_expired=job.started_at is not None and _has_run_before(job),
    )
    outcome = engine.run_plan(
        Plan.from_dict(job.plan or {}),
        source_endpoint(job),
        target_endpoint(job),
        run_id=job.run_id,
        options=options,
        control=pulse,
        sink=pulse,
        prepare_schema=prepare_schema,
    )
    if job.is_rehearsal:
        return _rehearsed(_ending(replace(outcome, certificate={})))
    return _ending(replace(outcome, certificate=_signed(held, job, outcome)))


def _rehearsed(ending: dict[str, Any]) -> dict[str, Any]:
    if ending["state"] != JobState.VERIFIED:
        return ending | {"is_error_final": True}
    return ending | {"state": JobState.REHEARSED, "event": "Rehearsed: every row is equal on both ends"}


def _signed(held: Claim, job: MigrationJob, outcome: Outcome) -> dict[str, Any]:
    """Sign the certificate. A key that cannot be used costs the signature, never the verified run."""
    certificate = {**outcome.certificate, "run_number": job.number}
    environment = env.load()
    try:
        return sign(certificate, ensure_key(environment.home.resolve(), environment.signing_key_file))
    except MosaicError as error:
        add_event(held.job_id, f"The certificate is not signed: {error.message} {error.remediation}", level="warning")
        return certificate


def _has_run_before(job: MigrationJob) -> bool:
    """A claim right after a pause, a failure or an expired lease: no older worker of this job may still write."""
    return bool(job.progress)


def _ending(outcome: Outcome) -> dict[str, Any]:
    shared = {"result": outcome.as_dict(), "finished_at": timezone.now()}
    match outcome.state:
        case OutcomeState.VERIFIED:
            return shared | {"state": JobState.VERIFIED, "event": "Verified: every row is equal on both ends"}
        case OutcomeState.DIFFERENCES:
            return shared | _failure(JobState.FAILED, _differences(outcome))
        case OutcomeState.REJECTS:
            return shared | _failure(JobState.FAILED, _rejects(outcome))


def _differences(outcome: Outcome) -> MosaicError:
    names = [table.name for table in outcome.verification.tables if not table.is_equal]
    names += [*outcome.verification.catalog_differences, *outcome.verification.sequence_differences]
    return MosaicError(
        f"The target is not equal to the source: {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}.",
        remediation="Keep the old configuration active; the verification below names the differing keys. Resume: each "
        "table that differs is emptied and copied again (rows that somebody added to it go too), a missing index or "
        "key is built again: mosaic storage migrate-tier --to federated --resume. What the verification calls "
        "unexpected, or a changed column, somebody made: undo it in the target first.",
        code=DIFFERENCES,
    )


def _rejects(outcome: Outcome) -> MosaicError:
    return MosaicError(
        f"The target could not take {outcome.rejects} rows; mosaic_migration.reject lists them with their reasons.",
        remediation="Repair them in the source and make the dry run again, or accept them: mosaic storage "
        f"migrate-tier --to federated --allow-rejects {outcome.rejects}",
        code=REJECTS,
    )
