"""Pausing and resuming the gateway is in the audit log, from the page and from the command line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from django.test import Client

from gateway import services
from gateway.client import GatewayClient
from gateway.errors import GatewayNotRunningError
from mosaic_admin.access import Role
from mosaic_admin.audit.models import AuditEvent
from mosaic_admin.cli import noting
from mosaic_admin.cli.gateway import command
from mosaic_admin.people.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="olga", role=Role.OPERATOR))
    return client


def test_the_page_notes_a_pause_with_its_person(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "pause_gateway", lambda: None)
    operator.post("/gateway/pause/")
    noted = AuditEvent.objects.get()
    assert (noted.action, noted.who, noted.role, noted.link) == ("gateway.pause", "olga", "operator", "/gateway/")


def test_the_page_notes_what_was_refused(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise GatewayNotRunningError("No gateway runs.", remediation="Start it.")

    monkeypatch.setattr(services, "resume_gateway", refuse)
    operator.post("/gateway/resume/")
    noted = AuditEvent.objects.get()
    assert (noted.action, noted.error_code) == ("gateway.resume", GatewayNotRunningError.code.id)


def test_a_command_notes_it_where_the_dashboard_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"state": "paused", "since_s": 0, "tier": "local", "store": "x", "in_flight": 0}
    monkeypatch.setattr(GatewayClient, "pause", lambda _: answer)
    assert CliRunner().invoke(command, ["pause"]).exit_code == 0
    noted = AuditEvent.objects.get()
    assert (noted.action, noted.channel) == ("gateway.pause", "command")


def test_a_host_without_the_dashboard_gets_no_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setattr(noting.env, "load", lambda: type("Env", (), {"database_url": "", "home": home})())
    noting.note("gateway.pause", "the gateway")
    assert list(home.iterdir()) == []
    assert not AuditEvent.objects.exists()
