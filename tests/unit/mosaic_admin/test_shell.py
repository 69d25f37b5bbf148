"""What every page shows around its content: tier, light, running job, menu."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from doctor.models import Span
from migration.models import JobState, MigrationJob
from mosaic_admin.access import Role
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record
from mosaic_admin.people.models import User
from tests.program import ROOT

pytestmark = pytest.mark.django_db


def client_of(role: Role) -> Client:
    client = Client()
    client.force_login(User.objects.create(username=role.value, role=role))
    return client


@pytest.fixture
def admin() -> Client:
    return client_of(Role.ADMIN)


def finding(status: str, message: str, code: str | None = None) -> dict[str, Any]:
    remedy = {"text": "Rewrite the file.", "command": "mosaic config upgrade"} if code else None
    return {"status": status, "message": message, "code": code, "remediation": remedy, "service": "config"}


def seen(light: str, *findings: dict[str, Any], ago: timedelta = timedelta(0)) -> Span:
    service = {"name": "postgres", "status": "pass", "version": "16.10", "endpoint": "127.0.0.1:5432", "duration_ms": 3}
    body = {"status": light, "duration_ms": 1200, "services": [service], "findings": list(findings)}
    at = timezone.now() - ago
    return Span.objects.create(fingerprint="x", light=light, started_at=at, seen_at=at, body=body)


def run(state: JobState = JobState.RUNNING, **fields: Any) -> MigrationJob:
    lease = {"lease_owner": "worker", "lease_expires_at": timezone.now() + timedelta(seconds=20)}
    defaults = {
        "number": 7,
        "phase": "copy",
        "bytes_done": 54,
        "bytes_total": 100,
        "source_document": {},
        "target_document": {},
        "source_label": "127.0.0.1:5434/mosaic",
        "target_label": "127.0.0.1:5433/mosaic",
        "plan_hash": "b84e19d05c3f",
        "target_key": "key",
        "plan": {"open_decisions": [], "estimate": {"copy": 861.0}},
    }
    return MigrationJob.objects.create(state=state, **{**defaults, **lease, **fields})


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def strip_of(client: Client) -> str:
    page = client.get("/people/password/").content.decode()
    return words(page[page.index('<header class="strip"') : page.index("</header>")])


def test_the_strip_says_who_is_signed_in_and_that_nothing_was_checked(admin: Client) -> None:
    strip = strip_of(admin)
    assert "Not checked yet" in strip
    assert "admin · admin" in strip


def test_the_strip_shows_the_light_and_its_age(admin: Client) -> None:
    seen("yellow", ago=timedelta(seconds=12))
    assert re.search(r"Yellow checked 1[2-9] s ago", strip_of(admin))


def test_a_light_that_nobody_renewed_is_unknown(admin: Client) -> None:
    seen("green", ago=timedelta(minutes=26))
    assert "Unknown checked 26 min ago" in strip_of(admin)


def test_the_strip_and_the_menu_show_a_running_job(admin: Client) -> None:
    run()
    page = admin.get("/people/password/").content.decode()
    assert "Run #7, copy 54 %" in words(page)
    assert '<span class="tail is-run" id="tail-database-export">54 %</span>' in page


def test_a_run_whose_worker_is_silent_shows_as_interrupted(admin: Client) -> None:
    run(lease_expires_at=timezone.now() - timedelta(seconds=1))
    page = admin.get("/people/password/").content.decode()
    assert "Run #7, interrupted" in words(page)
    assert '<span class="tail is-warn" id="tail-database-export">!</span>' in page


def test_a_run_that_is_over_leaves_the_strip(admin: Client) -> None:
    run(JobState.VERIFIED)
    assert "Run #7" not in strip_of(admin)


def test_the_shell_costs_the_same_queries_whatever_there_is(admin: Client) -> None:
    counts = []
    for prepare in (lambda: None, lambda: seen("red"), run):
        prepare()
        with CaptureQueriesContext(connection) as queries:
            admin.get("/people/password/")
        counts.append(len(queries))
    assert max(counts) <= 6, counts


def test_the_menu_marks_the_page_that_is_open(admin: Client) -> None:
    for address in ("/", "/people/", "/people/tokens/", "/tiers/", "/doctor/", "/migrations/"):
        page = admin.get(address).content.decode()
        assert re.findall(r'<a href="([^"]+)" aria-current="page"', page) == [address]


def test_an_overview_without_any_check_offers_one(admin: Client) -> None:
    page = words(admin.get("/").content.decode())
    assert "Nothing has been checked yet." in page
    assert "Check now" in page


def test_the_overview_shows_the_warning_with_its_code_and_command(admin: Client) -> None:
    seen("yellow", finding("warn", "“team” is the old word for “standalone”.", "MOS-CFG-011"), finding("pass", "Fine."))
    page = admin.get("/").content.decode()
    assert "This install is working. One warning can wait." in words(page)
    assert 'href="/doctor/codes/MOS-CFG-011/"' in page
    assert 'data-copy="mosaic config upgrade"' in page


def test_the_overview_has_one_primary_button_and_it_leads_to_the_due_step(admin: Client) -> None:
    run(JobState.PLANNED)
    page = admin.get("/").content.decode()
    assert page.count("btn-primary") == 1
    assert 'href="/migrations/7/"' in page[page.index("btn-primary") :]


def test_the_overview_of_a_failed_run_says_what_and_how_to_repair(admin: Client) -> None:
    run(JobState.FAILED, error_code="MOS-MIG-020", error_message="The disk is full.", error_remediation="Free some.")
    page = words(admin.get("/").content.decode())
    assert "MOS-MIG-020" in page
    assert "The disk is full. Free some." in page


def test_support_is_offered_nothing_to_start() -> None:
    page = client_of(Role.SUPPORT).get("/").content.decode()
    assert "btn-primary" not in page
    assert "Check now" not in page


def test_the_sign_in_page_tells_the_light_and_nothing_else() -> None:
    seen("red", finding("fail", "The secret address is down.", "MOS-PG-003"))
    page = words(Client().get("/sign-in/").content.decode())
    assert "Red is this install" in page
    assert "MOS-PG" not in page
    assert "secret address" not in page


def test_the_strip_of_an_open_page_follows_what_happens(admin: Client) -> None:
    assert "Run #7" not in admin.get("/strip/").content.decode()
    run()
    fragment = admin.get("/strip/", headers={"HX-Request": "true"}).content.decode()
    assert "Run #7, copy 54 %" in fragment
    assert 'hx-get="/strip/"' in fragment
    assert '<span class="tail is-run" id="tail-database-export" hx-swap-oob="true">54 %</span>' in fragment
    assert "<html" not in fragment


def test_the_overview_tells_what_happened_last_without_who_signed_in(admin: Client) -> None:
    record(Action.GATEWAY_PAUSE, "the gateway")
    record(Action.SIGN_IN, "omar")
    page = words(admin.get("/").content.decode())
    assert "Paused the gateway: the gateway" in page
    assert "Signed in: omar" not in page


def test_the_overview_follows_by_itself_and_leaves_a_waiting_message_to_the_person(admin: Client) -> None:
    record(Action.GATEWAY_PAUSE, "the gateway")
    fragment = admin.get("/", headers={"HX-Request": "true"}).content.decode()
    assert fragment.startswith('<div class="stack" id="overview-live" hx-get="/" hx-trigger="every 10s"')
    assert "Paused the gateway" in fragment
    assert "<html" not in fragment
    assert "toast" not in fragment


def test_a_federated_install_is_told_that_nothing_is_due(admin: Client, tmp_path: Path, settings: Any) -> None:
    config = tmp_path / "mosaic.config.json"
    config.write_text('{"version": 1, "tier": "federated"}')
    settings.ENV = settings.ENV.model_copy(update={"config": config})
    page = words(admin.get("/").content.decode())
    assert "Nothing is due. This install is on the federated tier." in page
    assert "Make a dry run" not in page


def test_only_the_menu_is_called_pages() -> None:
    """Two landmarks of one name cannot be told apart by ear; a list has its steps only once it is long."""
    named = {path.name for path in (ROOT / "templates").rglob("*.html") if 'aria-label="Pages"' in path.read_text()}
    assert named == {"base.html"}
