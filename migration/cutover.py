"""Cutover: the verified target becomes the store that the gateway boots from. A step of its own, finished if killed.

Order: compare both stores under both locks → write `cutover.json` → activate the configuration → smoke test. Between
the two files the boot gate refuses to serve at all, so a cutover that was cut short can never serve the wrong store;
the same command finishes it, and a rollback undoes it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import Error, IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

import migration.engine
from migration.endpoints import fingerprint, rebased, source_endpoint, target_endpoint
from migration.engine.model import Plan, Verification
from migration.job_errors import CutoverChangedError, CutoverNotReadyError, WrongConfirmationError
from migration.jobs import add_event
from migration.models import Cutover, CutoverStatus, CutoverStep, JobState, MigrationJob
from migration.services import Actor
from migration.smoke import smoke_test
from mosaic_admin import codes
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record as audit
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact
from store.ledger import StoreLock, holder_name, read_run
from tiers import services as tiers
from tiers.config import PgliteStorage, PostgresStorage, ResolvedConfig, load_config
from tiers.cutover import CutoverRecord, CutoverState, write_record
from tiers.models import TierConfig
from tiers.pglite.directory import DirectoryLock
from tiers.postgres import connect, driver_errors

BEAT_S = 2.0
LOCK_WAIT_S = 5.0  # a paused gateway has let go already; a serving one will not

log = logging.getLogger(__name__)


def open_cutover(job: MigrationJob) -> Cutover | None:
    """Return the run's cutover that is not rolled back."""
    return job.cutovers.exclude(status=CutoverStatus.ROLLED_BACK).select_related("target", "previous").first()


def standing_cutovers() -> QuerySet[Cutover]:
    """Return the cutovers that are not rolled back, the newest first; one of them may be in force."""
    return Cutover.objects.exclude(status=CutoverStatus.ROLLED_BACK).select_related("job", "previous")


def check_ready(job: MigrationJob) -> None:
    """Refuse a run that is not verified. Raises CutoverNotReadyError."""
    if job.state == JobState.VERIFIED:
        return
    raise CutoverNotReadyError(
        f"Run #{job.number} is {job.effective_state().label.lower()}, not verified.",
        remediation=f"Bring it to its verified end first: mosaic storage status {job.number}",
    )


def begin_cutover(*, job: MigrationJob, confirmation: str, by: Actor) -> Cutover:
    """Take a cutover up: a new one, or the run's own that stopped. `carry_out` does the work.

    Raises: CutoverNotReadyError, WrongConfirmationError.
    """
    check_ready(job)
    if confirmation.strip() != job.target_name:
        raise WrongConfirmationError(
            "The typed name is not the target's.", remediation=f"Type exactly: {job.target_name}", field="confirmation"
        )
    try:
        with transaction.atomic():
            cutover = _claim(job, by)
            audit(
                Action.MIGRATION_CUTOVER, f"run #{job.number}", link=f"/migrations/{job.number}/", person=person_of(by)
            )
            add_event(job.pk, "Cutover started", actor=by.name)
    except IntegrityError:
        raise busy(job) from None
    return cutover


def _claim(job: MigrationJob, by: Actor) -> Cutover:
    known = open_cutover(job)
    if known is None:
        return Cutover.objects.create(job=job, by_name=by.name)
    if known.status == CutoverStatus.DONE:
        raise CutoverNotReadyError(
            f"Run #{job.number} is cut over already.", remediation="To go back: mosaic storage rollback"
        )
    if known.is_working:
        raise busy(job)
    fresh = Cutover.objects.filter(pk=known.pk, heartbeat_at=known.heartbeat_at).update(
        status=CutoverStatus.WORKING, heartbeat_at=timezone.now(), by_name=by.name, **NO_ERROR
    )
    if not fresh:
        raise busy(job)
    known.refresh_from_db()
    return known


NO_ERROR: dict[str, Any] = {"error_code": "", "error_message": "", "error_remediation": ""}


def busy(job: MigrationJob) -> CutoverNotReadyError:
    return CutoverNotReadyError(
        f"Somebody else is cutting run #{job.number} over.", remediation=f"Follow it: /migrations/{job.number}/cutover"
    )


def carry_out(cutover: Cutover, *, by: Actor) -> Cutover:
    """Do every step that is left. What stops it is stored, and raised when it is expected.

    Raises: MosaicError subclasses; the row then says FAILED with the same three texts.
    """
    try:
        with _heartbeat(cutover):
            _steps(cutover, by)
    except MosaicError as error:
        _fail(cutover, error)
        raise
    except Exception:
        log.exception("The cutover of run #%s failed with a bug.", cutover.job.number)
        _fail(cutover, MosaicError(codes.BUG.meaning, remediation="Read the log; the same command tries again."))
        raise
    return cutover


def carry_out_quietly(cutover: Cutover, *, by: Actor) -> None:
    """`carry_out` for a thread of the dashboard: the row tells how it went."""
    try:
        carry_out(cutover, by=by)
    except MosaicError as error:
        log.warning("The cutover of run #%s stopped: %s %s", cutover.job.number, error.code.id, error.message)
    finally:
        connection.close()


def _steps(cutover: Cutover, by: Actor) -> None:
    """Compare only before the files change: afterwards a gateway may serve, and rightly write, the new store."""
    job, person = cutover.job, person_of(by)
    if not cutover.has_changed_files:
        _save(cutover, target=_federated_config(job, person), step=CutoverStep.CHECK)
        with both_locks(job) as locks:
            at = _compare_and_try(cutover, person)
            _refuse_lost(locks)
            _save(cutover, step=CutoverStep.RECORD, store_at=at)
            write_record(tiers.config_path(), _record_of(job, at=at))
            _save(cutover, step=CutoverStep.ACTIVATE)
    target = cutover.target or _federated_config(job, person)
    tiers.activate(config_id=target.pk, person=person, why=f"Cutover of run #{job.number}")
    _save(cutover, step=CutoverStep.TEST)
    done = smoke_test(_storage(load_config(tiers.config_path())), run_id=job.run_id, commits=True)
    with transaction.atomic():
        _save(
            cutover,
            status=CutoverStatus.DONE,
            step=CutoverStep.NONE,
            smoke=done.sentence,
            done_at=timezone.now(),
            **NO_ERROR,
        )
        add_event(job.pk, f"Cut over. {done.sentence}", actor=by.name)


def _compare_and_try(cutover: Cutover, person: Any) -> datetime:
    """Refuse whatever speaks against it while nothing has changed; return the store's time from which it gains."""
    job = cutover.job
    resolved = tiers.resolve_config(cutover.target)
    _remember_previous(cutover, person)
    _refuse_other_store(cutover)
    _refuse_changes(job)
    return smoke_test(_storage(resolved), run_id=job.run_id, commits=False).store_time


def _refuse_lost(locks: list[StoreLock | DirectoryLock]) -> None:
    if any(lock.has_ended() for lock in locks):
        raise CutoverNotReadyError(
            "A server ended the session that holds its store's lock, so a gateway may have written meanwhile.",
            remediation="Find out in the servers' logs what ended it, then repeat the cutover. Nothing was changed.",
        )


def person_of(by: Actor) -> Any:
    return get_user_model().objects.filter(pk=by.user_id).first() if by.user_id else None


def _save(cutover: Cutover, **changes: Any) -> None:
    for name, value in (changes | {"heartbeat_at": timezone.now()}).items():
        setattr(cutover, name, value)
    cutover.save(update_fields=[*changes, "heartbeat_at"])


def _fail(cutover: Cutover, error: MosaicError) -> None:
    message = redact(error.message)
    with transaction.atomic():
        _save(
            cutover,
            status=CutoverStatus.FAILED,
            error_code=error.code.id,
            error_message=message,
            error_remediation=redact(error.remediation),
        )
        add_event(cutover.job_id, f"Cutover stopped: {error.code.id} {message}", level="error")


@contextmanager
def _heartbeat(cutover: Cutover) -> Iterator[None]:
    """Show that somebody works on it: comparing two large stores takes a while without a word."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_S):
            try:
                Cutover.objects.filter(pk=cutover.pk).update(heartbeat_at=timezone.now())
            except Error:
                log.warning("The control plane did not take the cutover's heartbeat; trying again.")
                connection.close()
        connection.close()

    thread = threading.Thread(target=beat, name=f"cutover-{cutover.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _federated_config(job: MigrationJob, person: Any) -> TierConfig:
    """Return the dashboard's configuration of the run's target, as it is today: its password may be a newer one."""
    named = TierConfig.objects.filter(name=job.target_label, tier="federated").first()
    document = rebased(job.target_document, job.target_base_dir, tiers.config_folder())
    return named or tiers.ensure_document(name="federated", document=document, person=person, why="For the cutover.")


def _storage(config: ResolvedConfig) -> PostgresStorage:
    if isinstance(config.storage, PostgresStorage) and config.storage.enable_vector:
        return config.storage
    raise CutoverNotReadyError(
        "The configuration to activate is not one of the federated tier.",
        remediation="Correct it under /tiers/, then try again.",
    )


@contextmanager
def both_locks(job: MigrationJob) -> Iterator[list[StoreLock | DirectoryLock]]:
    """Hold both stores exclusively: nobody of ours writes while they are compared and exchanged."""
    name = holder_name("mig")
    ends = (target_endpoint(job), source_endpoint(job))
    held: list[StoreLock | DirectoryLock] = []
    with ExitStack() as stack:
        for storage in (end.config.storage for end in ends):
            lock = _exclusive(storage, name)
            lock.acquire(LOCK_WAIT_S)
            stack.callback(lock.release)
            held.append(lock)
        yield held


def _exclusive(storage: PostgresStorage | PgliteStorage, name: str) -> StoreLock | DirectoryLock:
    if isinstance(storage, PostgresStorage):
        return StoreLock(storage.url, "exclusive", name)
    return DirectoryLock(storage.data_dir, "exclusive", name)


def _remember_previous(cutover: Cutover, person: Any) -> None:
    """Keep what the file says now as a configuration: a rollback activates exactly that."""
    if cutover.previous is not None:
        return
    if tiers.active_config() is None or tiers.drift() is not None:
        tiers.import_file(person=person, why=f"Before the cutover of run #{cutover.job.number}")
    active = tiers.active_config()
    if active is not None and active.tier != "federated":  # else somebody activated it by hand: back means the source
        _save(cutover, previous=active)


def _refuse_other_store(cutover: Cutover) -> None:
    """The file may be the target's already (a cutover that stopped late); else it has to be the run's source."""
    job = cutover.job
    plan = Plan.from_dict(job.plan or {})
    now = fingerprint(load_config(tiers.config_path()))
    source = fingerprint(source_endpoint(job).config)
    if now in (source, f"{plan.target.system_id}/{plan.target.database}"):
        return
    raise CutoverNotReadyError(
        f"The gateway boots from another store than the one that run #{job.number} moved.",
        remediation="Activate the run's source configuration under /tiers/ first, or migrate the store that the "
        "gateway uses: mosaic storage migrate-tier --to federated --dry-run",
    )


def _refuse_changes(job: MigrationJob) -> None:
    """Compare both ends as they are now: what somebody wrote since the verification would be lost or mixed."""
    target = target_endpoint(job)
    with (
        driver_errors(str(target.config.storage.display)),
        connect(_storage(target.config).url, application_name="mosaic cutover") as link,
    ):
        run = read_run(link)
    if run is None or run.run_id != job.run_id or not run.is_finished:
        raise CutoverChangedError(
            "The target does not hold this run any more, or not as a verified one.",
            remediation="Run it again: mosaic storage migrate-tier --to federated --dry-run",
        )
    if run.first_write_at is not None:
        raise CutoverChangedError(
            f"A gateway has written into the federated store since {run.first_write_at:%d %b %Y, %H:%M:%S} UTC.",
            remediation="Both stores have their own rows now. Migrate into an empty database: mosaic storage "
            "migrate-tier --to federated --dry-run",
        )
    _compare(job)


def _compare(job: MigrationJob) -> None:
    mode = ((job.result or {}).get("verification") or {}).get("mode", "typed")
    plan = Plan.from_dict(job.plan or {})
    found: Verification = migration.engine.verify(plan, source_endpoint(job), target_endpoint(job), mode=mode)
    if found.is_equal:
        return
    names = [table.name for table in found.tables if not table.is_equal]
    names += [*found.catalog_differences, *found.sequence_differences]
    raise CutoverChangedError(
        f"Source and target are no longer equal: {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}.",
        remediation="Keep the gateway paused and migrate again into an empty database: mosaic storage migrate-tier "
        "--to federated --dry-run",
    )


def _record_of(job: MigrationJob, *, at: datetime) -> CutoverRecord:
    plan = Plan.from_dict(job.plan or {})
    return CutoverRecord(
        state=CutoverState.ACTIVE,
        job_id=job.number,
        run_id=str(job.run_id),
        source_fingerprint=f"{plan.source.system_id}/{plan.source.database}",
        target_fingerprint=f"{plan.target.system_id}/{plan.target.database}",
        at=at.isoformat(),
    )
