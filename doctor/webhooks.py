"""Tell other systems when the colour changes: receivers, messages to them, and sending those until they arrive."""

from __future__ import annotations

import base64
import json
import logging
import secrets
import socket
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import httpx
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError

from doctor.models import Delivery, Span, Webhook
from doctor.outbound import WebhookTargetError, check_target, post
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record
from mosaic_admin.broker import celery_app
from mosaic_admin.errors import NotFoundError
from mosaic_admin.redaction import remember_secret

log = logging.getLogger("mosaic.doctor")
TASK = "doctor.deliver"
# Seconds before each further try; together an hour. None is longer than the broker waits before it sends a task again.
RETRY_S = (10, 60, 300, 900, 1800)
LATE = timedelta(minutes=2)  # a message that is this much overdue was lost on its way to a worker
KEEP = 200  # deliveries


def create_webhook(*, url: str, by: str) -> tuple[Webhook, str]:
    """Add a receiver; return it and the secret of its signatures, which cannot be shown again.

    Raises: WebhookTargetError.
    """
    target = check_target(url, settings.ENV.webhook_allow)
    secret = f"whsec_{secrets.token_urlsafe(32)}"
    sealed = _box().encrypt(json.dumps({"url": url.strip(), "secret": secret}).encode()).decode()
    with transaction.atomic():
        hook = Webhook.objects.create(target=target.display[:200], sealed=sealed, by=by)
        record(Action.WEBHOOK_CREATE, str(hook), link="/doctor/webhooks/")
    return hook, secret


def delete_webhook(*, webhook_id: int) -> None:
    """Remove a receiver and what was still to be sent to it. Raises: NotFoundError."""
    hook = find_webhook(webhook_id)
    with transaction.atomic():
        record(Action.WEBHOOK_DELETE, str(hook), link="/doctor/webhooks/")
        hook.delete()


def send_test(*, webhook_id: int) -> Delivery:
    """Send a message that says it is a test. Raises: NotFoundError."""
    now = timezone.now()
    body = {"event": "doctor.test", "at": _iso(now), "install": socket.gethostname()}
    hook = find_webhook(webhook_id)
    with transaction.atomic():
        delivery = Delivery.objects.create(webhook=hook, event=f"test-{secrets.token_hex(6)}", body=body)
        record(Action.WEBHOOK_TEST, str(hook), link="/doctor/webhooks/")
        _enqueue(delivery)
    return delivery


def find_webhook(webhook_id: int) -> Webhook:
    """Return one webhook. Raises: NotFoundError."""
    hook = Webhook.objects.filter(pk=webhook_id).first()
    if hook is None:
        raise NotFoundError("No webhook has this number.", remediation="Open the list of webhooks again.")
    return hook


def all_webhooks() -> QuerySet[Webhook]:
    return Webhook.objects.prefetch_related("deliveries")


def announce(before: Span, after: Span) -> None:
    """Queue one message for each receiver; two processes that saw the same change queue it once."""
    queue_message(f"{before.pk}-{after.light}", _message(before, after))


def queue_message(event: str, body: dict[str, Any]) -> None:
    """Queue a body for every receiver, once per `event`: 40 characters that name this very happening.

    `body["event"]` is the kind of message, such as `doctor.light` or `migration.verified`.
    """
    hooks = list(Webhook.objects.all())
    Delivery.objects.bulk_create(
        [Delivery(webhook=hook, event=event, body=body) for hook in hooks], ignore_conflicts=True
    )
    for delivery in Delivery.objects.filter(event=event, attempts=0):
        _enqueue(delivery)
    _forget_old()


def _message(before: Span, after: Span) -> dict[str, Any]:
    summary = after.body["summary"]
    return {
        "event": "doctor.light",
        "at": _iso(after.seen_at),
        "install": socket.gethostname(),
        "tier": after.tier or None,
        "before": before.light,
        "after": after.light,
        "summary": summary["text"],
        "root_cause": summary["root_cause"],
        "suppressed": summary["suppressed"],
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _forget_old() -> None:
    surplus = list(Delivery.objects.exclude(done_at=None).values_list("pk", flat=True)[KEEP:])
    if surplus:
        Delivery.objects.filter(pk__in=surplus).delete()


def _enqueue(delivery: Delivery, *, after_s: int = 0) -> None:
    message = [str(delivery.pk), delivery.attempts]
    transaction.on_commit(lambda: _send(message, after_s))


def _send(message: list[Any], after_s: int) -> None:
    try:
        celery_app().send_task(TASK, args=message, countdown=after_s)
    except (OperationalError, OSError):  # the report must not fail for it: `resend_lost` finds the row
        log.warning("The broker did not take the message for a webhook; it is sent again within a few minutes")


def resend_lost() -> int:
    """Queue again what should have been tried by now; beat asks once a minute."""
    lost = list(Delivery.objects.filter(done_at=None, next_at__lt=timezone.now() - LATE))
    for delivery in lost:
        _enqueue(delivery)
    return len(lost)


def deliver(delivery_id: str, attempt: int) -> bool:
    """Try once; what fails is queued again, later each time. A repeated message does nothing."""
    wait_s = RETRY_S[attempt] if attempt < len(RETRY_S) else None
    now = timezone.now()
    claim = Delivery.objects.filter(pk=delivery_id, attempts=attempt, done_at=None)
    if not claim.update(attempts=F("attempts") + 1, next_at=now + timedelta(seconds=wait_s or 0)):
        return False
    delivery = Delivery.objects.select_related("webhook").get(pk=delivery_id)
    delivery.outcome, is_sent, is_final = _try(delivery)
    delivery.is_sent = is_sent
    if is_sent or is_final or wait_s is None:
        delivery.done_at = timezone.now()
    delivery.save(update_fields=["outcome", "is_sent", "done_at"])
    if delivery.done_at is None:
        _enqueue(delivery, after_s=wait_s or 0)
    return is_sent


def _try(delivery: Delivery) -> tuple[str, bool, bool]:
    """Return what happened in fixed words, whether it arrived, and whether another try is pointless."""
    try:
        kept = json.loads(_box().decrypt(delivery.webhook.sealed.encode()))
        remember_secret(kept["secret"], kept["url"])
        target = check_target(kept["url"], settings.ENV.webhook_allow)  # again: the name may mean another address now
        body = json.dumps({"id": str(delivery.pk), **delivery.body}, ensure_ascii=False).encode()
        status = post(target, kept["secret"], body, _headers(delivery))
    except InvalidToken:
        return "The secret key of this install has changed: remove this webhook and add it again.", False, True
    except WebhookTargetError as error:
        return error.message, False, False
    except httpx.TimeoutException:
        return "No answer within 5 s.", False, False
    except httpx.HTTPError:
        return "The receiver could not be reached.", False, False
    except Exception:  # else the row stays open, and is sent again for ever
        log.exception("A webhook could not be called")
        return "The address could not be called.", False, False
    is_sent = 200 <= status < 300
    return f"HTTP {status}", is_sent, status == 410  # 410 Gone: the receiver asks for no more


def _headers(delivery: Delivery) -> dict[str, str]:
    return {
        "User-Agent": f"mosaic-admin/{version('mosaic-admin')}",
        "Mosaic-Event": str(delivery.body["event"]),
        "Mosaic-Delivery": str(delivery.pk),
    }


def _box() -> Fernet:
    """Seal with a key of its own purpose, made from the install's secret key."""
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"mosaic webhooks")
    return Fernet(base64.urlsafe_b64encode(kdf.derive(settings.SECRET_KEY.encode())))
