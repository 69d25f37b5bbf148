"""Activate a configuration: the file and the rows change together, whatever instruction the process dies at.

1. intent: a `PendingActivation` row is committed;  2. the file is replaced by one rename;  3. the rows follow, and
the intent goes with them. A process that dies leaves the intent; whoever looks next (`settle`) compares the file with
it: the file is the new one → step 3 is done now; it is not → the intent is dropped. Nobody guesses, nothing is half.
The folder is locked (`flock`) meanwhile, so an intent without a lock is one that nobody works on any more.
"""

from __future__ import annotations

import hashlib
import socket
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from mosaic_admin.audit.actor import SYSTEM, Actor
from mosaic_admin.audit.models import Action, Channel
from mosaic_admin.audit.services import record
from mosaic_admin.canonical import canonical_json
from mosaic_admin.errors import MosaicError
from tiers import codes
from tiers.config import ConfigError, ConfigFileError, read_document, resolve_document
from tiers.masking import mask_document, pretty, redact_text
from tiers.models import PendingActivation, RevisionAction, TierConfig, TierConfigRevision
from tiers.writing import ActivationBusyError, folder_lock, remove_leftovers, write_atomically

if TYPE_CHECKING:
    from mosaic_admin.people.models import User

FOREIGN_AFTER = timedelta(minutes=1)  # an activation takes milliseconds: by then its process is gone


class StaleConfigError(MosaicError):
    """Somebody saved another revision meanwhile."""

    code = codes.CONFIG_STALE


def digest_of(document: dict[str, Any]) -> str:
    """Return what identifies a document, whatever its formatting and order of keys."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the digest of the file's document; empty where there is no usable file."""
    try:
        return digest_of(read_document(path))
    except (ConfigError, ConfigFileError):
        return ""


def activate_row(
    config: TierConfig, path: Path, *, person: User | None, why: str, revision: int, expected_file: str | None
) -> None:
    """Write the file and make the row the active one.

    `revision` and `expected_file` are what the person looked at. Raises: ConfigError (also for a variable or secret
    file this host lacks), ConfigFileError, StaleConfigError, ActivationBusyError.
    """
    resolve_document(config.document, base_dir=path.resolve().parent, source=config.name)
    with folder_lock(path):
        _settle(path)
        config.refresh_from_db()
        if config.revision != revision:
            raise stale(config, revision)
        if expected_file is not None and expected_file != file_digest(path):
            raise StaleConfigError(
                f"{path.name} changed since you looked at it: another configuration was activated, or somebody edited "
                "it. Nothing was overwritten.",
                remediation=f"Look at the difference again: /tiers/{config.pk}/activate/",
            )
        _write(config, path, person=person, why=why)


def _write(config: TierConfig, path: Path, *, person: User | None, why: str) -> None:
    intent = PendingActivation.objects.create(
        config=config,
        host=socket.gethostname(),
        path=str(path.resolve()),
        digest=digest_of(config.document),
        after=mask_document(config.document),
        person=person,
        why=redact_text(why.strip()),
    )
    try:
        write_atomically(path, pretty(config.document))
    except ConfigFileError:
        if file_digest(path) != intent.digest:  # else only the folder's fsync failed: the new file is in place
            intent.delete()
            raise
    _finish(intent)


def settle(path: Path) -> None:
    """Bring rows and file together after an activation that died half-way. Leaves alone one that is under way."""
    if not _intents(path).exists():
        return
    try:
        with folder_lock(path, wait_s=0):
            _settle(path)
    except (ActivationBusyError, ConfigFileError):
        return


def _settle(path: Path) -> None:
    remove_leftovers(path)
    for intent in _intents(path):
        if file_digest(path) == intent.digest:
            _finish(intent, is_recovery=True)
        elif intent.host == socket.gethostname():
            _drop(intent)


def _intents(path: Path) -> QuerySet[PendingActivation]:
    """Return the intents for this file: of this host, and old ones of a host that may have been this one.

    A container has another name each time it is made, and the same file on its volume. What that file cannot confirm
    stays with the other host.
    """
    is_ours = Q(host=socket.gethostname()) | Q(at__lt=timezone.now() - FOREIGN_AFTER)
    return PendingActivation.objects.filter(is_ours, path=str(path.resolve()))


def _drop(intent: PendingActivation) -> None:
    with transaction.atomic():
        said = "The activation was cut short before the file was replaced; nothing changed."
        link = intent.config.get_absolute_url()
        record(Action.CONFIG_RECOVER, intent.config.name, link=link, why=said, actor=_actor_of(intent))
        intent.delete()


def _actor_of(intent: PendingActivation) -> Actor:
    """Who began it. Whoever looks at a page when it is finished has nothing to do with it."""
    return Actor(intent.person.get_username() if intent.person else SYSTEM, Channel.SYSTEM, "", intent.person)


def _finish(intent: PendingActivation, *, is_recovery: bool = False) -> None:
    """Let the rows follow the file. A second host that activates at the same moment is one more try."""
    for tries_left in (2, 1, 0):
        try:
            with transaction.atomic():
                _finish_once(intent, is_recovery=is_recovery)
                return
        except IntegrityError:
            if not tries_left:
                raise


def _finish_once(intent: PendingActivation, *, is_recovery: bool) -> None:
    previous = TierConfig.objects.filter(is_active=True).first()
    TierConfig.objects.filter(is_active=True).exclude(pk=intent.config_id).update(is_active=False)
    TierConfig.objects.filter(pk=intent.config_id).update(
        is_active=True,
        revision=F("revision") + 1,
        file_digest=intent.digest,
        updated_by=intent.person_id,
        updated_at=timezone.now(),
    )
    config = TierConfig.objects.get(pk=intent.config_id)
    before = mask_document(previous.document) if previous else None
    TierConfigRevision.objects.create(
        config=config,
        number=config.revision,
        action=RevisionAction.ACTIVATE,
        person_id=intent.person_id,
        who=intent.person.get_username() if intent.person else SYSTEM,
        why=intent.why,
        before=before,
        after=intent.after,
        has_new_secret=previous is not None
        and before == intent.after
        and digest_of(previous.document) != intent.digest,
    )
    why = f"{intent.why} (completed after it was cut short)".strip() if is_recovery else intent.why
    link = config.get_absolute_url()
    changes = {"before": before, "after": intent.after}
    actor = _actor_of(intent) if is_recovery else None
    record(Action.CONFIG_ACTIVATE, config.name, link=link, why=why, person=intent.person, actor=actor, **changes)
    # what was begun earlier for this file is superseded, on whatever host: it must not "complete" later
    PendingActivation.objects.filter(path=intent.path, at__lte=intent.at).delete()


def stale(config: TierConfig, expected_revision: int) -> StaleConfigError:
    """Return the error for a revision that is no longer the newest."""
    return StaleConfigError(
        f"“{config.name}” is at revision {config.revision} by now; you started from {expected_revision}, "
        "or another configuration was activated meanwhile. Nothing was overwritten.",
        remediation=f"Open /tiers/{config.pk}/ again, look at the newest revision, then repeat your change.",
    )
