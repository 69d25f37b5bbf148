"""Page, API and public words from recorded and stand-in reports; `test_faces` uses real servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape
from jsonschema import Draft202012Validator

from doctor import history, services
from doctor.models import Span
from doctor.report import Report
from doctor.schema import report_schema
from doctor.sharing import forget_shared_runs
from mosaic_admin.access import Role
from mosaic_admin.people.models import User
from mosaic_admin.people.services import create_token
from mosaic_admin.wiring import ALL_CODES
from tests.unit.doctor.conftest import BAD, SOSO, ReportAt
from tiers.defaults import DEFAULT_FEDERATED_CONFIG, DEFAULT_LOCAL_CONFIG
from tiers.services import activate, create_config

pytestmark = pytest.mark.django_db

ClientOf = Callable[[Role], Client]


@pytest.fixture
def client_of() -> ClientOf:
    def make(role: Role) -> Client:
        client = Client()
        client.force_login(User.objects.create(username=f"{role.value}-person", role=role))
        return client

    return make


@pytest.fixture
def reader(client_of: ClientOf) -> Client:
    return client_of(Role.SUPPORT)


@pytest.fixture(autouse=True)
def _no_config(settings: object, tmp_path: Path) -> None:
    """An install whose configuration is missing: red without any server."""
    environment = settings.ENV.model_copy(update={"config": tmp_path / "mosaic.config.json"})  # type: ignore[attr-defined]
    settings.ENV = environment  # type: ignore[attr-defined]


def test_before_the_first_report_the_page_offers_one(reader: Client) -> None:
    page = reader.get("/doctor/")
    assert page.status_code == 200
    assert "Not checked yet" in page.content.decode()


def test_the_page_shows_the_root_cause_its_repair_what_waits_and_what_else(reader: Client, report_at: ReportAt) -> None:
    history.record(report_at(0, BAD, SOSO, at=timezone.now()))
    html = reader.get("/doctor/").content.decode()
    for words in (
        "Root cause",
        "The library is missing.",
        "MOS-PGV-001",
        "apt-get install x",
        "Because of it",
        "1 check waits.",
        "Keeps nothing.",
        "MOS-VK-023",
        "A gateway refuses to start on this (exit 76).",
        "no row",
    ):
        assert words in html, words
    assert "/doctor/codes/MOS-PGV-001/" in html


def test_a_poll_with_the_tag_on_screen_gets_304_and_else_the_fragment(reader: Client, report_at: ReportAt) -> None:
    span = history.record(report_at(0, at=timezone.now()))
    htmx = {"HX-Request": "true"}
    fragment = reader.get("/doctor/", headers=htmx)
    assert "<html" not in fragment.content.decode()
    tag = f"{span.pk}-1-False"
    assert f'hx-ptag="{tag}"' in fragment.content.decode()
    assert reader.get("/doctor/", headers={**htmx, "HX-PTag": tag}).status_code == 304
    assert reader.get("/doctor/", headers={**htmx, "HX-PTag": "older"}).status_code == 200


def test_check_now_runs_the_probes_and_records_them_for_a_browser_with_and_without_htmx(reader: Client) -> None:
    answer = reader.post("/doctor/check/")
    assert (answer.status_code, answer["Location"]) == (302, "/doctor/")
    assert Span.objects.get().light == "red"
    fragment = reader.post("/doctor/check/", headers={"HX-Request": "true"})
    assert fragment.status_code == 200
    assert "MOS-CFG-002" in fragment.content.decode()
    assert "<html" not in fragment.content.decode()


def test_the_page_and_its_list_take_a_fixed_number_of_queries(
    reader: Client, report_at: ReportAt, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    for minute in range(30):
        history.record(report_at(minute - 30, BAD if minute % 2 else SOSO, at=timezone.now()))
    with django_assert_max_num_queries(12):  # the shell around it takes half of them  # type: ignore[attr-defined]
        assert reader.get("/doctor/").status_code == 200


def test_every_code_has_its_page(reader: Client) -> None:
    for code_id, code in ALL_CODES.items():
        html = reader.get(f"/doctor/codes/{code_id}/").content.decode()
        assert code_id in html
        assert escape(code.title) in html, code_id


def test_the_list_has_every_code_and_an_unknown_one_is_not_found(reader: Client) -> None:
    html = reader.get("/doctor/codes/").content.decode()
    assert all(code_id in html for code_id in ALL_CODES)
    assert reader.get("/doctor/codes/MOS-PG-999/").status_code == 404


def test_the_page_of_a_code_shows_whether_this_install_has_it_now(reader: Client, report_at: ReportAt) -> None:
    history.record(report_at(0, BAD, at=timezone.now()))
    assert "The library is missing." in reader.get("/doctor/codes/MOS-PGV-001/").content.decode()
    assert "does not show it" in reader.get("/doctor/codes/MOS-PGV-004/").content.decode()


def test_the_api_wants_a_session_or_a_token_with_the_scope(client_of: ClientOf) -> None:
    admin = User.objects.create(username="root", role=Role.ADMIN)
    _, right = create_token(name="ci", scopes=["doctor:read"], created_by=admin)
    _, other = create_token(name="other", scopes=["migrations:read"], created_by=admin)
    stranger = Client().get("/api/v1/doctor")
    assert (stranger.status_code, stranger["WWW-Authenticate"]) == (401, "Bearer")
    assert stranger.json()["error"]["code"] == "MOS-ACC-001"
    assert Client().get("/api/v1/doctor", headers={"Authorization": f"Bearer {other}"}).status_code == 403
    assert Client().get("/api/v1/doctor", headers={"Authorization": f"Bearer {right}"}).status_code == 503
    assert client_of(Role.SUPPORT).get("/api/v1/doctor").status_code == 503


def test_a_red_report_is_503_with_the_published_document(reader: Client) -> None:
    answer = reader.get("/api/v1/doctor")
    assert answer.status_code == 503
    Draft202012Validator(report_schema()).validate(answer.json())
    assert answer.json()["findings"][0]["code"] == "MOS-CFG-002"
    assert answer["Cache-Control"] == "no-store"


def test_yellow_is_200_and_503_when_asked_to_fail_on_warnings(
    reader: Client, report_at: ReportAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    yellow = report_at(0, SOSO, at=timezone.now())
    monkeypatch.setattr("doctor.api.run_report", lambda tier=None, is_polled=True: yellow)
    assert reader.get("/api/v1/doctor").status_code == 200
    assert reader.get("/api/v1/doctor?fail_on=warn").status_code == 503


def test_a_bad_parameter_is_422_in_the_one_error_shape(reader: Client) -> None:
    answer = reader.get("/api/v1/doctor?fail_on=sometimes")
    assert answer.status_code == 422
    assert set(answer.json()["error"]) == {"code", "message", "remediation", "context"}
    assert "fail_on" in answer.json()["error"]["message"]


def test_a_bug_is_500_without_its_words(reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(tier: str | None = None, is_polled: bool = True) -> None:
        raise RuntimeError("postgresql://u:canary-pw@h/db")

    monkeypatch.setattr("doctor.api.run_report", crash)
    answer = reader.get("/api/v1/doctor")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "MOS-BUG-001")
    assert "canary" not in answer.content.decode()


def test_metrics_are_openmetrics(reader: Client) -> None:
    answer = reader.get("/api/v1/doctor/metrics")
    assert answer["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.content.decode().endswith("# EOF\n")
    assert 'code="MOS-CFG-002"' in answer.content.decode()


def test_another_tier_is_asked_without_touching_the_history(reader: Client) -> None:
    answer = reader.get("/api/v1/doctor?tier=federated")
    assert answer.json()["tier"] == "federated"
    assert not Span.objects.exists()


def test_the_reference_loads_nothing_from_elsewhere_and_wants_a_session(reader: Client) -> None:
    html = reader.get("/api/v1/docs").content.decode()
    assert "swagger" in html
    assert "https://" not in html.replace("https://json-schema.org", "")
    assert Client().get("/api/v1/docs").status_code == 302
    paths = reader.get("/api/v1/openapi.json").json()["paths"]
    assert "/api/v1/doctor" in paths


def test_the_public_words_say_the_light_and_nothing_else(report_at: ReportAt) -> None:
    anyone = Client()
    assert anyone.get("/readyz").content == b"unknown\n"
    history.record(report_at(0, BAD, at=timezone.now()))
    answer = anyone.get("/readyz")
    assert (answer.status_code, answer.content) == (200, b"red\n")
    assert anyone.get("/healthz").status_code == 200


def test_the_strip_of_every_page_shows_the_light(reader: Client, report_at: ReportAt) -> None:
    history.record(report_at(0, BAD, at=timezone.now()))
    assert services.current_light()["kind"] == "red"
    assert "Red" in reader.get("/").content.decode()


def test_callers_at_the_same_moment_share_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    first = services.run_report()
    assert services.run_report() is first
    forget_shared_runs()
    assert services.run_report() is not first


def test_a_file_changed_by_hand_is_a_warning_and_a_stored_tier_is_what_tier_asks_about(
    settings: object, tmp_path: Path
) -> None:
    path = settings.ENV.config  # type: ignore[attr-defined]
    local = {**DEFAULT_LOCAL_CONFIG, "storage": {"type": "pglite", "dataDir": str(tmp_path / "none")}}
    row = create_config(name="laptop", document=local)
    activate(config_id=row.pk, path=path)
    assert "MOS-CFG-012" not in findings_of(services.run_report())
    path.write_text(json.dumps({**local, "storage": {"type": "pglite", "dataDir": str(tmp_path / "other")}}))
    forget_shared_runs()
    assert findings_of(services.run_report())["MOS-CFG-012"] == "warn"
    refused = "postgresql://mosaic@127.0.0.1:1/kept"
    federated = {**DEFAULT_FEDERATED_CONFIG, "storage": {"type": "postgres", "url": refused, "enableVector": True}}
    federated["queue"] = {"type": "bullmq", "url": "redis://127.0.0.1:1/0"}
    create_config(name="target", document=federated)
    report = services.run_report(tier="federated")
    assert "127.0.0.1:1/kept" in [service.endpoint for service in report.services]


def findings_of(report: Report) -> dict[str, str]:
    return {item.code.id: item.status.value for item in report.findings if item.code}


def test_no_secret_reaches_the_history(report_at: ReportAt) -> None:
    leaky = BAD.__class__(BAD.status, "postgresql://u:canary-pw@h/db", BAD.code, BAD.remediation)
    span = history.record(report_at(0, leaky))
    assert "canary" not in json.dumps([span.body, span.evidence])


@pytest.mark.parametrize("form", ["json", "short", "text", "openmetrics"])
def test_the_status_is_the_same_in_every_format(
    form: str, reader: Client, report_at: ReportAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = {"red": report_at(0, BAD), "yellow": report_at(0, SOSO), "green": report_at(0)}
    answers = {}
    for light, report in reports.items():
        monkeypatch.setattr("doctor.api.run_report", lambda tier=None, is_polled=True, report=report: report)
        for fail_on in ("fail", "warn"):
            path = f"/api/v1/doctor?format={form}&fail_on={fail_on}"
            answers[light, fail_on] = reader.get(path).status_code
            if form == "openmetrics":
                assert reader.get(f"/api/v1/doctor/metrics?fail_on={fail_on}").status_code == answers[light, fail_on]
        assert reader.get("/api/v1/doctor/metrics").status_code == 200
    assert answers == {
        ("red", "fail"): 503,
        ("red", "warn"): 503,
        ("yellow", "fail"): 200,
        ("yellow", "warn"): 503,
        ("green", "fail"): 200,
        ("green", "warn"): 200,
    }
