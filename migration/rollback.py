"""Rollback: the install goes back to the configuration from before its cutover. No data moves either way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from migration.cutover import busy, person_of, standing_cutovers
from migration.endpoints import fingerprint, rebased, target_endpoint
from migration.gained import Gained, read_gained
from migration.job_errors import GainedUnseenError, NoCutoverError, WrongConfirmationError
from migration.jobs import add_event
from migration.models import Cutover, CutoverStatus, MigrationJob
from migration.services import Actor
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record as audit
from mosaic_admin.errors import MosaicError
from store.ledger import StoreBusyError, StoreLock, holder_name
from tiers import services as tiers
from tiers.config import PostgresStorage, load_config
from tiers.cutover import CutoverRecord, CutoverState, read_record, write_record
from tiers.models import TierConfig

LOCK_WAIT_S = 5.0


@dataclass(frozen=True)
class Preview:
    """What a rollback would do: `gained` stays behind, or `problem` says why nobody can tell what that is."""

    cutover: Cutover
    previous: TierConfig | None
    gained: Gained | None
    problem: MosaicError | None = None

    @property
    def confirmation(self) -> str:
        return confirmation_of(self.cutover)


def confirmation_of(cutover: Cutover) -> str:
    return f"roll back run {cutover.job.number}"


def find_cutover() -> Cutover:
    """Return the cutover to go back from. Raises NoCutoverError."""
    record = read_record(tiers.config_path())
    named = record.run_id if record else ""
    known = list(standing_cutovers())
    # the record names the one in force; a newer one may have been refused before it changed anything
    cutover = next((item for item in known if str(item.job.run_id) == named), None)
    cutover = cutover or next((item for item in known if item.has_changed_files), None)
    if cutover is None:
        raise NoCutoverError(
            "This dashboard has made no cutover that is still in force.",
            remediation="See /migrations/ for the runs. To change the store that the gateway boots from, activate a "
            "configuration under /tiers/",
        )
    return cutover


def preview(cutover: Cutover) -> Preview:
    """Look at what would be left behind; a store that does not answer is a problem to show, not an error."""
    try:
        return Preview(cutover, cutover.previous, _gained(cutover))
    except MosaicError as problem:
        return Preview(cutover, cutover.previous, None, problem)


def _gained(cutover: Cutover) -> Gained:
    job = cutover.job
    storage = target_endpoint(job).config.storage
    assert isinstance(storage, PostgresStorage)  # the federated tier has no other storage
    verified = ((job.result or {}).get("verification") or {}).get("tables", [])
    rows_then = {table["name"]: table["target_rows"] for table in verified}
    return read_gained(storage, since=cutover.store_at or cutover.created_at, rows_then=rows_then)


def roll_back(*, cutover: Cutover, confirmation: str, by: Actor, unseen: bool = False) -> Cutover:
    """Set the record to rolled_back and activate the configuration from before. Safe to repeat after a kill.

    `unseen` goes on although the federated store does not answer. Raises: WrongConfirmationError, GainedUnseenError,
    StoreBusyError (a gateway serves the federated store), and what the old configuration lacks on this host.
    """
    if confirmation.strip().lower() != confirmation_of(cutover):
        raise WrongConfirmationError(
            "Rolling back needs its name.",
            remediation=f"Type exactly: {confirmation_of(cutover)}",
            field="confirmation",
        )
    if cutover.is_working:  # it would activate the federated configuration after this has gone back
        raise busy(cutover.job)
    previous = cutover.previous or _source_config(cutover.job)
    tiers.resolve_config(previous)  # before anything changes: a file that cannot be read would leave neither tier
    with _let_go(cutover.job, unseen=unseen) as is_seen:
        gained = _gained(cutover) if is_seen else None
        _exchange(cutover, previous, by)
    return _note(cutover, gained, by)


def _source_config(job: MigrationJob) -> TierConfig:
    document = rebased(job.source_document, job.source_base_dir, tiers.config_folder())
    return tiers.ensure_document(name=job.source_tier or "source", document=document, why="For the rollback.")


@contextmanager
def _let_go(job: MigrationJob, *, unseen: bool) -> Iterator[bool]:
    """Hold the federated store, so that no gateway writes behind the look; say whether it could be looked at."""
    storage = target_endpoint(job).config.storage
    assert isinstance(storage, PostgresStorage)
    lock = StoreLock(storage.url, "exclusive", holder_name("mig"))
    is_seen = True
    try:
        lock.acquire(LOCK_WAIT_S)
    except StoreBusyError:
        raise
    except MosaicError as error:
        if not unseen:
            raise GainedUnseenError(
                f"The federated store cannot be asked what it gained since the cutover: {error.message}",
                remediation="Bring it up and try again, or go back without looking: mosaic storage rollback --unseen",
            ) from None
        is_seen = False
    try:
        yield is_seen
    finally:
        lock.release()


def _exchange(cutover: Cutover, previous: TierConfig, by: Actor) -> None:
    job, path = cutover.job, tiers.config_path()
    with transaction.atomic():
        audit(Action.MIGRATION_ROLLBACK, f"run #{job.number}", link=f"/migrations/{job.number}/", person=person_of(by))
        add_event(job.pk, "Rollback started", actor=by.name)
    record = read_record(path) or CutoverRecord(CutoverState.ACTIVE, job.number, str(job.run_id))
    at = record.rolled_back_at or timezone.now().isoformat()
    write_record(path, replace(record, state=CutoverState.ROLLED_BACK, rolled_back_at=at))
    tiers.activate(config_id=previous.pk, person=person_of(by), why=f"Rollback of the cutover of run #{job.number}")
    fingerprint(load_config(path))  # the old store answers with the configuration as it is in the file now


def _note(cutover: Cutover, gained: Gained | None, by: Actor) -> Cutover:
    changes: dict[str, Any] = {
        "status": CutoverStatus.ROLLED_BACK,
        "gained": gained.as_dict() if gained else None,
        "rolled_back_by_name": by.name,
        "rolled_back_at": timezone.now(),
    }
    with transaction.atomic():
        Cutover.objects.filter(pk=cutover.pk).update(**changes)
        left = gained.sentence if gained else "What the federated store gained could not be seen; it stays there."
        add_event(cutover.job_id, f"Rolled back. {left}", actor=by.name)
    cutover.refresh_from_db()
    return cutover
