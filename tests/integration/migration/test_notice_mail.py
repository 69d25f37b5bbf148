"""The mail about a run, as a mail server gets it."""

from __future__ import annotations

import email
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from migration import notices
from migration.models import MigrationJob
from tests.unit.migration.conftest import engine as engine
from tests.unit.migration.conftest import in_state as in_state
from tests.unit.migration.conftest import new_job as new_job
from tests.unit.migration.conftest import planned as planned
from tests.unit.migration.conftest import queued as queued
from tests.unit.migration.conftest import sent as sent

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


class Postbox(socketserver.ThreadingTCPServer):
    """Takes mail on a free port; one that is `closed` refuses every recipient."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.recipients: list[str] = []
        self.messages: list[bytes] = []
        self.is_closed = False


class Conversation(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as a client needs that neither signs in nor encrypts."""

    server: Postbox

    def say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())

    def handle(self) -> None:
        self.say("220 postbox")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(" ", 1)[0].upper()
            if verb == "QUIT":
                self.say("221 bye")
                return
            if verb == "RCPT" and self.server.is_closed:
                self.say("550 a-mail-canary is not known here")
            elif verb == "DATA":
                self.take()
            else:
                self.server.recipients += [line.partition(":")[2].strip("<> ")] if verb == "RCPT" else []
                self.say("250 fine")

    def take(self) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        self.server.messages.append(b"".join(lines))
        self.say("250 taken")


@pytest.fixture
def postbox(settings: Any) -> Iterator[Postbox]:
    with Postbox() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.ENV = settings.ENV.model_copy(update={"notice_to": "ops@example.org,ada@example.org"})
        yield server
        server.shutdown()


def test_the_mail_arrives_with_its_remedy(in_state: Callable[..., MigrationJob], postbox: Postbox) -> None:
    job = in_state("failed")
    assert notices.tell(job.pk)
    assert postbox.recipients == ["ops@example.org", "ada@example.org"]
    message = email.message_from_bytes(postbox.messages[0])
    assert message["Subject"] == f"[Mosaic] Migration #{job.number}: failed"
    assert "Fix: Mend it." in message.get_payload()


def test_a_server_that_refuses_costs_a_line_in_the_history_without_its_words(
    in_state: Callable[..., MigrationJob], postbox: Postbox
) -> None:
    postbox.is_closed = True
    job = in_state("verified")
    assert notices.tell(job.pk)
    assert postbox.messages == []
    assert "could not be sent" in job.events.first().message
    assert "canary" not in job.events.first().message
