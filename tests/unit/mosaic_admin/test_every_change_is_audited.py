"""Every address that changes something leaves an event in the audit log, or says here why not."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from compose import pages as stack_pages
from compose import services as stack
from doctor import services as doctor
from doctor import suppressions, webhooks
from gateway import services as gateway
from gateway.services import GatewayState
from migration import after_views, rollback, services, switch_views
from migration.models import Cutover, MigrationJob
from mosaic_admin import wizard
from mosaic_admin.access import Role
from mosaic_admin.audit.models import Action, AuditEvent
from mosaic_admin.people import links, step_up
from mosaic_admin.people.models import User
from mosaic_admin.people.tokens import create_token
from tests.fakes.runtime import FakeRuntime
from tests.unit.migration.conftest import SOURCE, engine, in_state, new_job, planned, queued, sent  # noqa: F401  # fixtures
from tests.unit.mosaic_admin import access_table
from tests.unit.mosaic_admin.test_every_view import address, status_of
from tiers import services as tiers
from tiers.defaults import DEFAULT_FEDERATED_CONFIG, DEFAULT_LOCAL_CONFIG
from tiers.masking import pretty

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_no_servers")]
PASSWORD = "the-password-of-olga-7"
InState = Callable[..., MigrationJob]
Do = Callable[["Install"], tuple[str, dict[str, Any]]]  # prepare; then the address and the form to send


class Install:
    """What the cases may use: a signed-in admin, somebody else, and runs in any state."""

    def __init__(self, make_run: InState) -> None:
        self.in_state = make_run
        self.admin = User.objects.create_user("olga", PASSWORD, role=Role.ADMIN)
        self.other = User.objects.create_user("sam", "another-password-of-sam-8", role=Role.SUPPORT)
        self.client = Client()
        self.client.force_login(self.admin)
        session = self.client.session
        session[step_up.KEY] = time.time()
        session.save()

    def run(self, state: str, what: str, form: Callable[[MigrationJob], dict[str, Any]] | None = None) -> Any:
        job = self.in_state(state)
        return f"/migrations/{job.number}/{what}", form(job) if form else {}

    def config(self, name: str = "home") -> int:
        return tiers.create_config(name=name, document=dict(DEFAULT_LOCAL_CONFIG), person=self.admin).pk


def _suppression(install: Install) -> tuple[str, dict[str, Any]]:
    row = suppressions.suppress(
        code=doctor.code("MOS-PG-002"), service="postgres", reason="known since monday", days=7, by="olga"
    )
    return f"/doctor/suppressed/{row.pk}/lift/", {}


def _webhook(what: str) -> Do:
    def prepare(install: Install) -> tuple[str, dict[str, Any]]:
        hook, _ = webhooks.create_webhook(url="https://hooks.example.org/x", by="olga")
        return f"/doctor/webhooks/{hook.pk}/{what}/", {"confirmation": hook.target}

    return prepare


def _token(install: Install) -> tuple[str, dict[str, Any]]:
    token, _ = create_token(name="ci", scopes=["doctor:read"], created_by=install.admin)
    return f"/people/tokens/{token.pk}/revoke/", {"confirmation": "ci"}


def _join(install: Install) -> tuple[str, dict[str, Any]]:
    _, raw = links.reset_person(user_id=install.other.pk, by=install.admin)
    return f"/join/{raw}/", {"new": "a-password-of-sams-own-9", "repeated": "a-password-of-sams-own-9"}


def _sign_in(install: Install) -> tuple[str, dict[str, Any]]:
    install.client = Client()
    return "/sign-in/", {"name": "olga", "password": PASSWORD}


def _activate(install: Install) -> tuple[str, dict[str, Any]]:
    return f"/tiers/{install.config()}/activate/", {"revision": 1, "why": "go", "confirm": "home"}


def _edit(install: Install) -> tuple[str, dict[str, Any]]:
    document = {**DEFAULT_LOCAL_CONFIG, "storage": {"type": "pglite", "dataDir": "elsewhere"}}
    return f"/tiers/{install.config()}/edit/", {"document": pretty(document), "revision": 1}


def _import(install: Install) -> tuple[str, dict[str, Any]]:
    tiers.config_path().write_text(pretty(DEFAULT_LOCAL_CONFIG))
    tiers.import_file(person=install.admin)
    tiers.config_path().write_text(pretty({**DEFAULT_LOCAL_CONFIG, "storage": {"type": "pglite", "dataDir": "there"}}))
    return "/tiers/import/", {"why": "by hand"}


def _plan(install: Install) -> tuple[str, dict[str, Any]]:
    target = tiers.create_config(name="federated", document=dict(DEFAULT_FEDERATED_CONFIG))
    return "/migrations/new", {"source": str(install.config()), "target": str(target.pk)}


def _rejects(install: Install) -> tuple[str, dict[str, Any]]:
    job = install.in_state("failed")
    MigrationJob.objects.filter(pk=job.pk).update(error_code="MOS-MIG-108", result={"rejects": 2})
    return f"/migrations/{job.number}/rejects/accept", {}


def _discard(install: Install) -> tuple[str, dict[str, Any]]:
    return install.run("cancelled", "discard", _target)


def _cutover(what: str, status: str) -> Do:
    def prepare(install: Install) -> tuple[str, dict[str, Any]]:
        job = install.in_state("verified")
        if status:
            previous = tiers.create_config(name="before", document=SOURCE)
            Cutover.objects.create(job=job, status=status, step="", by_name="olga", previous=previous)
        word = f"roll back run {job.number}" if what == "rollback" else job.target_name
        return f"/migrations/{job.number}/{what}", {"confirmation": word}

    return prepare


def _target(job: MigrationJob) -> dict[str, Any]:
    return {"plan_hash": job.plan_hash, "target_name": job.target_name, "confirmation": job.target_name}


CASES: dict[str, list[tuple[Action, Do]]] = {
    "doctor/suppress/<str:code_id>/<str:service>/": [
        (Action.DOCTOR_SUPPRESS,
         lambda _: ("/doctor/suppress/MOS-PG-002/postgres/", {"reason": "known since monday", "days": 7})),
    ],
    "doctor/suppressed/<int:suppression_id>/lift/": [(Action.DOCTOR_UNSUPPRESS, _suppression)],
    "doctor/webhooks/": [
        (Action.WEBHOOK_CREATE, lambda _: ("/doctor/webhooks/", {"url": "https://hooks.example.org/x"})),
    ],
    "doctor/webhooks/<int:webhook_id>/delete/": [(Action.WEBHOOK_DELETE, _webhook("delete"))],
    "doctor/webhooks/<int:webhook_id>/test/": [(Action.WEBHOOK_TEST, _webhook("test"))],
    "gateway/pause/": [(Action.GATEWAY_PAUSE, lambda _: ("/gateway/pause/", {}))],
    "gateway/resume/": [(Action.GATEWAY_RESUME, lambda _: ("/gateway/resume/", {}))],
    "join/<str:raw>/": [(Action.PERSON_PASSWORD, _join)],
    "migrations/new": [
        (Action.MIGRATION_PLAN, _plan),
    ],
    "migrations/<int:number>/decide": [(Action.MIGRATION_DECIDE, lambda i: i.run("planned", "decide"))],
    "migrations/<int:number>/replan": [(Action.MIGRATION_PLAN, lambda i: i.run("planned", "replan"))],
    "migrations/<int:number>/rehearse": [(Action.MIGRATION_REHEARSE, lambda i: i.run("planned", "rehearse"))],
    "migrations/<int:number>/start": [(Action.MIGRATION_START, lambda i: i.run("planned", "start", _target))],
    "migrations/<int:number>/pause": [(Action.MIGRATION_PAUSE, lambda i: i.run("running", "pause"))],
    "migrations/<int:number>/throttle": [
        (Action.MIGRATION_THROTTLE, lambda i: i.run("running", "throttle", lambda _: {"max_mb_s": "5"})),
    ],
    "migrations/<int:number>/resume": [
        (Action.MIGRATION_RESUME, lambda i: i.run("interrupted", "resume")),
        (Action.MIGRATION_CONTINUE, lambda i: i.run("paused", "resume")),
    ],
    "migrations/<int:number>/cancel": [
        (Action.MIGRATION_CANCEL,
         lambda i: i.run("running", "cancel", lambda job: {"confirmation": f"run {job.number}"})),
    ],
    "migrations/<int:number>/discard": [(Action.MIGRATION_DISCARD, _discard)],
    "migrations/<int:number>/rejects/accept": [(Action.MIGRATION_PLAN, _rejects)],
    "migrations/<int:number>/cutover": [(Action.MIGRATION_CUTOVER, _cutover("cutover", ""))],
    "migrations/<int:number>/rollback": [(Action.MIGRATION_ROLLBACK, _cutover("rollback", "done"))],
    "migrations/<int:number>/pause-gateway": [(Action.GATEWAY_PAUSE, lambda i: i.run("planned", "pause-gateway"))],
    "people/": [
        (Action.PERSON_INVITE, lambda _: ("/people/", {"username": "zoe", "role": "support", "invite": "1"})),
        (Action.PERSON_CREATE, lambda _: ("/people/", {"username": "zoe", "role": "support"})),
    ],
    "people/<int:user_id>/change/": [
        (Action.PERSON_ROLE, lambda i: (f"/people/{i.other.pk}/change/", {"role": "operator"})),
        (Action.PERSON_DISABLE,
         lambda i: (f"/people/{i.other.pk}/change/", {"account": "close", "confirmation": "sam"})),
    ],
    "people/<int:user_id>/reset/": [(Action.PERSON_RESET, lambda i: (f"/people/{i.other.pk}/reset/", {}))],
    "people/password/": [
        (Action.PERSON_PASSWORD, lambda _: ("/people/password/", {"old": PASSWORD, "new": "a-new-one-of-olga-9",
                                                                  "repeated": "a-new-one-of-olga-9"})),
    ],
    "people/tokens/": [
        (Action.TOKEN_CREATE, lambda _: ("/people/tokens/", {"token_name": "ci", "scopes": ["doctor:read"]})),
    ],
    "people/tokens/<int:token_id>/revoke/": [(Action.TOKEN_REVOKE, _token)],
    "sign-in/": [(Action.SIGN_IN, _sign_in)],
    "sign-out/": [(Action.SIGN_OUT, lambda _: ("/sign-out/", {}))],
    "stack/<slug:verb>/": [
        (Action.STACK_UP, lambda _: ("/stack/up/", {})), (Action.STACK_DOWN, lambda _: ("/stack/down/", {})),
        (Action.STACK_RESTART, lambda _: ("/stack/restart/", {})),
        (Action.STACK_ROTATE, lambda _: ("/stack/rotate/", {"confirm": "rotate"})),
    ],
    "tiers/new/": [
        (Action.CONFIG_CREATE, lambda _: ("/tiers/new/", {"name": "new", "document": pretty(DEFAULT_LOCAL_CONFIG)})),
    ],
    "tiers/<int:pk>/edit/": [(Action.CONFIG_EDIT, _edit)],
    "tiers/<int:pk>/activate/": [(Action.CONFIG_ACTIVATE, _activate)],
    "tiers/import/": [(Action.CONFIG_IMPORT, _import)],
}  # fmt: skip
WHY_NOT = {
    "doctor/check/": "it runs the probes, which write nothing but the doctor's own history",
    "theme/": "it sets a cookie of the person's own browser",
}
EXPORTS = {
    "audit/export.csv": Action.AUDIT_EXPORT,
    "audit/export.json": Action.AUDIT_EXPORT,
    "doctor/bundle/": Action.DOCTOR_BUNDLE,
    "migrations/<int:number>/rejects.csv": Action.MIGRATION_EXPORT,
    "migrations/<int:number>/support.zip": Action.MIGRATION_BUNDLE,
    "migrations/runs.csv": Action.MIGRATION_EXPORT,
    "migrations/runs.json": Action.MIGRATION_EXPORT,
}


@pytest.fixture
def _no_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand in for what is outside the control plane; each has tests of its own on the real thing."""
    paused = SimpleNamespace(state=GatewayState.PAUSED)
    monkeypatch.setattr(doctor, "look_again", lambda: None)
    monkeypatch.setattr(webhooks, "check_target", lambda url, allow: SimpleNamespace(display="hooks.example.org"))
    monkeypatch.setattr(webhooks, "_enqueue", lambda delivery, **_: None)
    for name in ("pause_gateway", "resume_gateway"):
        monkeypatch.setattr(gateway, name, lambda: paused)
    monkeypatch.setattr(wizard.gateway, "read_status", lambda **_: paused)  # type: ignore[attr-defined]
    monkeypatch.setattr(tiers, "config_path", lambda: tmp_path / "mosaic.config.json")
    monkeypatch.setattr(switch_views, "in_background", lambda cutover, by: None)
    monkeypatch.setattr(rollback, "_let_go", lambda job, unseen: nullcontext(False))
    monkeypatch.setattr(rollback, "fingerprint", lambda config: "")
    monkeypatch.setattr(services, "_discard", lambda job: SimpleNamespace(rows={"tasks": 3}))
    monkeypatch.setattr(after_views, "read_rejects", lambda job: SimpleNamespace(as_csv=lambda: "x"))
    for module in (stack, stack_pages):
        monkeypatch.setattr(module, "runtime_for", lambda environment: FakeRuntime())
    monkeypatch.setattr(stack, "runtime_word", lambda environment: "docker")
    monkeypatch.setattr(stack, "celery_app", lambda: SimpleNamespace(send_task=lambda *_, **__: None))


@pytest.fixture
def install(in_state: InState) -> Install:  # noqa: F811
    return Install(in_state)


def every_case() -> list[Any]:
    return [
        pytest.param(action, do, id=f"{route}-{action.value}") for route, cases in CASES.items() for action, do in cases
    ]


@pytest.mark.parametrize(("action", "do"), every_case())
def test_doing_it_leaves_an_event_with_who_and_from_where(action: Action, do: Do, install: Install) -> None:
    where, form = do(install)
    before = set(AuditEvent.objects.values_list("pk", flat=True))
    answer = install.client.post(where, form, REMOTE_ADDR="192.0.2.9")
    assert answer.status_code in (200, 302, 303), answer.content.decode().partition("<main")[2][:3000]
    events = AuditEvent.objects.exclude(pk__in=before)
    assert action in {event.action for event in events}
    event = events.filter(action=action)[0]
    assert event.who in ("olga", "sam")
    assert (event.address, event.channel) == ("192.0.2.9", "web")
    assert event.subject


def test_every_address_that_may_be_sent_to_is_a_case_has_a_reason_or_writes_nothing(install: Install) -> None:
    unknown = set(CASES) | set(WHY_NOT) | set(EXPORTS)
    assert unknown <= set(access_table.PAGES)
    for route in access_table.PAGES.keys() - unknown:
        with CaptureQueriesContext(connection) as queries:
            status_of(install.client, "POST", route)
        written = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
        assert not written, f"{route} writes: list how to do it in CASES, or why it needs no event in WHY_NOT"


@pytest.mark.parametrize("route", EXPORTS)
def test_what_leaves_the_dashboard_as_a_file_is_noted(route: str, install: Install) -> None:
    job = install.in_state("failed")
    assert install.client.get(address(route).replace("999999", str(job.number))).status_code == 200
    assert AuditEvent.objects.filter(action=EXPORTS[route], who="olga").exists()
