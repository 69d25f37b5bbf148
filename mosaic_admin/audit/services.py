"""Write the audit log: one call, inside the transaction of the change it tells of.

record(Action.STACK_UP, "stack mosaic", link="/stack/", after={"services": ["postgres-federated"]})
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, transaction

from mosaic_admin.audit.actor import Actor, current_actor
from mosaic_admin.audit.models import Action, AuditEvent
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact, redact_data

log = logging.getLogger("mosaic.audit")


def record(
    action: Action,
    subject: str,
    *,
    link: str = "",
    before: Any = None,
    after: Any = None,
    why: str = "",
    person: Any = None,
    actor: Actor | None = None,
    error: MosaicError | None = None,
) -> AuditEvent:
    """Note that `action` was done to `subject` (a few words: "run #7", "token ci").

    Who and from where come from the request or the command; `person` overrides who, `actor` both. `before` and
    `after` are JSON-like and are masked here. `error` says that it was tried and refused. Call it inside the
    transaction of the change: then there is never one without the other.
    """
    actor = actor or current_actor()
    if person is not None and person != actor.person:
        actor = Actor(person.get_username(), actor.channel, actor.address, person)
    return AuditEvent.objects.create(
        action=action,
        who=actor.who[:150],
        person=actor.person,
        role=actor.role,
        channel=actor.channel,
        address=actor.address,
        subject=redact(subject)[:200],
        link=link[:200],
        why=redact(why.strip()),
        error_code=error.code.id if error else "",
        before=redact_data(before),
        after=redact_data(after),
    )


def record_if_possible(action: Action, subject: str, **details: Any) -> AuditEvent | None:
    """Record what must work without the dashboard's database too: without it a log line keeps it."""
    try:
        with transaction.atomic():
            return record(action, subject, **details)
    except DatabaseError:
        log.warning("Not in the audit log, the dashboard's database cannot be written: %s %s", action.value, subject)
        return None
