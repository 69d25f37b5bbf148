"""Who is told when a run ends or stops, by mail and by webhook, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from doctor import webhooks
from doctor.models import Delivery, Webhook
from migration import notices, sweeper
from migration.models import MigrationJob

pytestmark = pytest.mark.django_db
InState = Callable[..., MigrationJob]


@pytest.fixture(autouse=True)
def receivers(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EMAIL_HOST = "smtp.example.org"
    settings.ENV = settings.ENV.model_copy(update={"notice_to": "ops@example.org, ada@example.org"})
    monkeypatch.setattr(webhooks, "_send", lambda message, after_s: None)
    Webhook.objects.create(target="hooks.example.org:443", sealed="x", by="ada")


def test_a_failed_run_is_told_once_with_its_remedy_and_no_secret(in_state: InState) -> None:
    job = in_state("failed")
    MigrationJob.objects.filter(pk=job.pk).update(error_message="Refused: postgresql://mosaic:target-canary-2@db/x")
    assert notices.tell(job.pk)
    assert not notices.tell(job.pk)
    (sent,) = mail.outbox
    assert sent.to == ["ops@example.org", "ada@example.org"]
    assert sent.subject == f"[Mosaic] Migration #{job.number}: failed"
    assert "Fix: Mend it." in sent.body
    body = Delivery.objects.get().body
    assert (body["event"], body["run"], body["error"]["code"]) == ("migration.failed", job.number, "MOS-MIG-107")
    assert "target-canary-2" not in sent.body + str(body)


def test_the_sweeper_tells_of_an_interruption_and_of_the_end_that_follows(in_state: InState) -> None:
    job = in_state("interrupted")
    sweeper.sweep()
    sweeper.sweep()
    MigrationJob.objects.filter(pk=job.pk).update(state="verified", finished_at=timezone.now(), lease_expires_at=None)
    sweeper.sweep()
    assert [item.subject.rpartition(": ")[2] for item in mail.outbox] == ["interrupted", "verified"]
    assert "--resume" in mail.outbox[0].body
    assert Delivery.objects.count() == 2


@pytest.mark.parametrize("state", ["running", "paused", "queued", "planned"])
def test_a_run_that_goes_on_is_no_news(in_state: InState, state: str) -> None:
    assert not notices.tell(in_state(state).pk)


def test_what_ended_long_ago_is_no_news(in_state: InState) -> None:
    job = in_state("verified")
    MigrationJob.objects.filter(pk=job.pk).update(finished_at=timezone.now() - timedelta(days=1))
    assert notices.tell_of_all() == 0


def test_a_mail_server_that_refuses_costs_a_line_in_the_history(
    in_state: InState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: object) -> None:
        raise OSError("smtp-password-canary")

    monkeypatch.setattr(notices.EmailMessage, "send", refuse)
    job = in_state("cancelled")
    assert notices.tell(job.pk)
    assert "could not be sent" in job.events.first().message
    assert "smtp-password-canary" not in job.events.first().message


def test_without_a_mail_server_only_webhooks_are_called(in_state: InState, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    assert notices.tell(in_state("verified").pk)
    assert mail.outbox == []
    assert Delivery.objects.count() == 1
