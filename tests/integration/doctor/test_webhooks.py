"""Colour changes sent by a real worker to a real receiver: signed, tried again, never twice, never shown."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from django.test import Client
from django.utils import timezone

from doctor import history, webhooks
from doctor.models import Delivery, Webhook
from mosaic_admin.access import Role
from mosaic_admin.celery import app
from mosaic_admin.people.models import User
from tests.unit.doctor.conftest import BAD, ReportAt, report_at  # noqa: F401 — a fixture

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/hooks/canary-path-77"


@dataclass
class Receiver:
    """An HTTP server that notes what it gets and answers what it is told to, the last answer for ever."""

    answers: list[int] = field(default_factory=lambda: [200])
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def wait(self, count: int, within_s: float = 20.0) -> None:
        deadline = time.monotonic() + within_s
        while len(self.seen) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(self.seen) == count


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}{PATH}"
    settings.ENV = settings.ENV.model_copy(update={"webhook_allow": "127.0.0.0/8"})
    yield state
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def worker(control_valkey: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(webhooks, "RETRY_S", (0.1, 0.2, 0.3))
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=20):
        yield


def settled(delivery: Delivery, within_s: float = 20.0) -> Delivery:
    deadline = time.monotonic() + within_s
    while delivery.done_at is None and time.monotonic() < deadline:
        time.sleep(0.05)
        delivery.refresh_from_db()
    assert delivery.done_at is not None, delivery.outcome
    return delivery


def test_a_change_of_colour_is_sent_once_and_signed(receiver: Receiver, worker: None, report_at: ReportAt) -> None:  # noqa: F811
    hook, secret = webhooks.create_webhook(url=receiver.url, by="ada")
    for minute, finding in enumerate((None, BAD, BAD)):
        history.record(report_at(minute, *([finding] if finding else [])))
    receiver.wait(1)
    path, headers, body = receiver.seen[0]
    assert path == PATH
    at, mac = (part.split("=", 1)[1] for part in headers["mosaic-signature"].split(","))
    assert hmac.compare_digest(mac, hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest())
    assert abs(time.time() - int(at)) < 30
    message = json.loads(body)
    assert (message["before"], message["after"], message["root_cause"]) == ("green", "red", "MOS-PGV-001")
    assert message["id"] == headers["mosaic-delivery"]
    assert settled(Delivery.objects.get()).outcome == "HTTP 200"
    assert hook.last is not None


def test_what_fails_is_tried_again_later_each_time_until_it_arrives(receiver: Receiver, worker: None) -> None:
    receiver.answers = [500, 302, 200]
    hook, _ = webhooks.create_webhook(url=receiver.url, by="ada")
    delivery = settled(webhooks.send_test(webhook_id=hook.pk))
    assert (delivery.attempts, delivery.is_sent, delivery.outcome) == (3, True, "HTTP 200")
    assert [path for path, _, _ in receiver.seen] == [PATH] * 3  # the redirect was not followed
    assert len({headers["mosaic-delivery"] for _, headers, _ in receiver.seen}) == 1


def test_a_receiver_that_never_takes_it_is_given_up_and_one_that_is_gone_at_once(
    receiver: Receiver, worker: None
) -> None:
    hook, _ = webhooks.create_webhook(url=receiver.url, by="ada")
    receiver.answers = [503]
    delivery = settled(webhooks.send_test(webhook_id=hook.pk))
    assert (delivery.attempts, delivery.is_sent) == (4, False)
    receiver.answers = [410]
    assert settled(webhooks.send_test(webhook_id=hook.pk)).attempts == 1


def test_a_lost_message_is_sent_again_and_a_repeated_one_does_nothing(
    receiver: Receiver, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, _ = webhooks.create_webhook(url=receiver.url, by="ada")
    with monkeypatch.context() as patch:
        patch.setattr(webhooks, "_send", lambda message, after_s: None)
        delivery = webhooks.send_test(webhook_id=hook.pk)
    assert webhooks.resend_lost() == 0  # not late yet
    Delivery.objects.update(next_at=timezone.now() - timedelta(minutes=3))
    assert webhooks.resend_lost() == 1
    settled(delivery)
    assert webhooks.deliver(str(delivery.pk), 0) is False
    assert len(receiver.seen) == 1


def test_a_name_that_means_a_private_address_by_now_is_not_called(
    receiver: Receiver, worker: None, settings: Any
) -> None:
    hook, _ = webhooks.create_webhook(url=receiver.url, by="ada")
    settings.ENV = settings.ENV.model_copy(update={"webhook_allow": ""})
    delivery = settled(webhooks.send_test(webhook_id=hook.pk))
    assert (delivery.is_sent, receiver.seen) == (False, [])
    assert "inside a private network" in delivery.outcome


def test_without_a_broker_the_report_is_kept_and_the_message_waits(
    receiver: Receiver,
    control_valkey: Any,
    report_at: ReportAt,  # noqa: F811
) -> None:
    webhooks.create_webhook(url=receiver.url, by="ada")
    history.record(report_at(0))
    control_valkey.stop()
    try:
        assert history.record(report_at(1, BAD)).light == "red"
    finally:
        control_valkey.start()
    assert Delivery.objects.get().attempts == 0


@pytest.fixture
def client_of() -> Callable[[Role], Client]:
    def make(role: Role) -> Client:
        client = Client()
        client.force_login(User.objects.create(username=f"{role}-hooks", role=role))
        return client

    return make


def test_the_page_shows_the_secret_once_and_the_path_never(
    receiver: Receiver, control_valkey: Any, client_of: Callable[[Role], Client]
) -> None:
    admin = client_of(Role.ADMIN)
    made = admin.post("/doctor/webhooks/", {"url": receiver.url}).content.decode()
    assert "whsec_" in made
    hook = Webhook.objects.get()
    assert "whsec_" not in hook.sealed
    assert "canary" not in hook.sealed + hook.target
    again = admin.get("/doctor/webhooks/").content.decode()
    assert "whsec_" not in again
    assert "canary" not in again
    assert admin.post(f"/doctor/webhooks/{hook.pk}/test/").status_code == 302
    assert admin.post(f"/doctor/webhooks/{hook.pk}/delete/").status_code == 422
    assert hook.target in admin.get(f"/doctor/webhooks/{hook.pk}/delete/").content.decode()
    assert admin.post(f"/doctor/webhooks/{hook.pk}/delete/", {"confirmation": hook.target}).status_code == 302
    assert not Delivery.objects.exists()
    assert client_of(Role.OPERATOR).get("/doctor/webhooks/").status_code == 403


def test_a_private_address_is_refused_beside_the_field(settings: Any, client_of: Callable[[Role], Client]) -> None:
    answer = client_of(Role.ADMIN).post("/doctor/webhooks/", {"url": "http://169.254.169.254/latest/"})
    assert answer.status_code == 422
    assert "inside a private network" in answer.content.decode()
    assert not Webhook.objects.exists()
