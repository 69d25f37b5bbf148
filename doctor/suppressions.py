"""Put a finding aside for a while, with a reason; take it back. Both are in the audit log."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from doctor import codes
from doctor.models import Suppression
from doctor.suppressing import Rule, write_rules
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record
from mosaic_admin.codes import Code
from mosaic_admin.errors import MosaicError, NotFoundError

log = logging.getLogger("mosaic.doctor")
LONGEST_DAYS = 90  # longer than that is a decision for the configuration, not for an alarm
REASON_CHARACTERS = 10  # "known" explains nothing to whoever comes next


class SuppressionError(MosaicError):
    code = codes.BAD_SUPPRESSION


def active() -> QuerySet[Suppression]:
    """Return what is put aside now, the next to return first."""
    return Suppression.objects.filter(until__gt=timezone.now(), lifted_at=None).order_by("until")


def rules() -> list[Rule]:
    return [Rule(row.code, row.service, row.reason, row.by, row.until) for row in active()]


def suppress(*, code: Code, service: str, reason: str, days: int, by: str) -> Suppression:
    """Put aside what has this code at this service for so many days; an earlier one for the same is replaced.

    Raises: SuppressionError.
    """
    reason = reason.strip()
    if len(reason) < REASON_CHARACTERS or not 1 <= days <= LONGEST_DAYS or not service:
        raise SuppressionError(
            "A finding is put aside with a reason and an end.",
            remediation=f"Write at least {REASON_CHARACTERS} characters, and choose 1 to {LONGEST_DAYS} days.",
        )
    until = timezone.now() + timedelta(days=days)
    with transaction.atomic():
        active().filter(code=code.id, service=service).update(lifted_at=timezone.now(), lifted_by=by)
        row = Suppression.objects.create(code=code.id, service=service, reason=reason[:500], by=by, until=until)
        after = {"until": until.isoformat(), "service": service}
        record(Action.DOCTOR_SUPPRESS, str(row), link=row.link, after=after, why=reason)
    mirror()
    return row


def lift(*, suppression_id: int, by: str) -> Suppression:
    """Let the finding count again from now on; a second time changes nothing. Raises: NotFoundError."""
    with transaction.atomic():
        changed = active().filter(pk=suppression_id).update(lifted_at=timezone.now(), lifted_by=by)
        row = Suppression.objects.filter(pk=suppression_id).first()
        if row is None:
            raise NotFoundError("Nothing put aside has this number.", remediation="Open the Doctor page again.")
        if changed:
            record(Action.DOCTOR_UNSUPPRESS, str(row), link=row.link)
    mirror()
    return row


def mirror() -> None:
    """Write the rules down for the command line of this host; without that it would merely show more."""
    try:
        write_rules(settings.HOME, rules())
    except OSError:
        log.warning("What is put aside could not be written to MOSAIC_HOME: `mosaic doctor` will show it")
