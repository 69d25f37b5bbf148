from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from migration.engine.model import CheckResult, CheckStatus, Decision
from migration.history import Filters, list_jobs, throughput
from migration.jobs import add_event
from migration.models import EffectiveState, MigrationJob, MigrationSample
from tests.fakes.engine import FakeEngine
from tests.unit.migration.conftest import plan_here

pytestmark = pytest.mark.django_db
Make = Callable[..., MigrationJob]
SignIn = Callable[[str], Client]
SUPPORT_LINE = "Support: you can read everything here and start nothing."
POLLING = {"HX-Request": "true"}


def page_of(client: Client, job: MigrationJob) -> str:
    response = client.get(f"/migrations/{job.number}/")
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("role", ["admin", "operator", "support"])
@pytest.mark.parametrize("state", EffectiveState.values)
def test_every_state_has_its_page_for_every_role(in_state: Make, signed_in: SignIn, state: str, role: str) -> None:
    job = in_state(state)
    html = page_of(signed_in(role), job)
    assert (SUPPORT_LINE in html) == (role == "support")
    starts = 'action="/migrations/' in html.replace('action="/migrations/"', "")
    assert not (role == "support" and starts)
    assert "canary" not in html


@pytest.mark.parametrize("action", ["decide", "replan", "start", "pause", "resume", "cancel"])
def test_support_can_start_nothing(in_state: Make, signed_in: SignIn, action: str) -> None:
    job = in_state("interrupted")
    assert signed_in("support").post(f"/migrations/{job.number}/{action}").status_code == 403
    job.refresh_from_db()
    assert job.effective_state() is EffectiveState.INTERRUPTED


def test_an_interrupted_run_says_what_happened_and_offers_resume_first(in_state: Make, signed_in: SignIn) -> None:
    html = page_of(signed_in("operator"), in_state("interrupted"))
    assert "The worker stopped. Nothing is lost." in html
    assert "Resume run #1" in html
    assert "mosaic storage migrate-tier --to federated --resume" in html
    assert "stopped at 40" in html
    assert html.count("btn-primary") == 1


def test_resume_from_the_page_queues_the_run(in_state: Make, signed_in: SignIn) -> None:
    job = in_state("interrupted")
    response = signed_in("operator").post(f"/migrations/{job.number}/resume")
    assert (response.status_code, response["Location"]) == (303, "/migrations/1/")
    job.refresh_from_db()
    assert job.state == "queued"


def test_a_running_run_shows_figures_tables_and_heartbeat_without_javascript(in_state: Make, signed_in: SignIn) -> None:
    html = page_of(signed_in("support"), in_state("running"))
    for words in ("Copying", "2 of 5 chunks", "400 / 1,000", "Alive", 'http-equiv="refresh"', "30 s"):
        assert words in html, words


def test_a_poll_without_news_is_304_and_with_news_brings_the_regions(in_state: Make, signed_in: SignIn) -> None:
    job, client = in_state("running"), signed_in("support")
    address = f"/migrations/{job.number}/live?state=running"
    first = client.get(address, headers=POLLING)
    regions = first.content.decode()
    for name in ("live-head", "live-tables", "live-facts", "live-events", "live-points", "live-pill"):
        assert f'id="{name}"' in regions
    tag = first["HX-PTag"]
    assert f'hx-ptag="{tag}"' in regions
    assert client.get(address, headers=POLLING | {"HX-PTag": tag}).status_code == 304
    MigrationJob.objects.filter(pk=job.pk).update(version=job.version + 1)
    assert client.get(address, headers=POLLING | {"HX-PTag": tag}).status_code == 200


def test_the_strip_of_a_running_run_comes_with_the_runs_own_poll(in_state: Make, signed_in: SignIn) -> None:
    job, client = in_state("running"), signed_in("support")
    assert 'hx-get="/strip/"' not in page_of(client, job)
    regions = client.get(f"/migrations/{job.number}/live?state=running", headers=POLLING).content.decode()
    assert '<div class="strip-status" id="strip-status" hx-swap-oob="true">' in regions
    assert f"Run #{job.number}, copy" in regions
    assert 'id="tail-database-export" hx-swap-oob="true"' in regions
    MigrationJob.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert 'hx-get="/strip/"' in page_of(client, job)  # nothing new comes of a run that nobody works on


def test_support_is_offered_nothing_that_starts_on_a_verified_run(in_state: Make, signed_in: SignIn) -> None:
    job = in_state("verified")
    assert "Cut over…" in page_of(signed_in("operator"), job)
    support = signed_in("support")
    for html in (page_of(support, job), support.get("/").content.decode()):
        assert "Cut over…" not in html
        assert "btn-primary" not in html


def test_a_crowd_of_watchers_asks_less_often(
    in_state: Make, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, client = in_state("running"), signed_in("support")
    address = f"/migrations/{job.number}/live?state=running"
    monkeypatch.setattr("migration.watching.monotonic", lambda: 1000.0)
    for _ in range(40):
        assert 'hx-trigger="every 1s"' in client.get(address, headers=POLLING).content.decode()
    monkeypatch.setattr("migration.watching.monotonic", lambda: 1003.0)
    MigrationJob.objects.filter(pk=job.pk).update(version=job.version + 1)
    assert 'hx-trigger="every 2s"' in client.get(address, headers=POLLING).content.decode()


def test_a_silent_worker_grows_its_age_although_nothing_is_written(in_state: Make, signed_in: SignIn) -> None:
    job, client = in_state("running"), signed_in("support")
    address = f"/migrations/{job.number}/live?state=running"
    tag = client.get(address)["HX-PTag"]
    MigrationJob.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=9))
    answer = client.get(address, headers={"HX-PTag": tag})
    assert answer.status_code == 200
    assert "Silent" in answer.content.decode()


def test_a_poll_that_finds_another_state_asks_for_a_whole_new_page(in_state: Make, signed_in: SignIn) -> None:
    job = in_state("interrupted")
    response = signed_in("support").get(f"/migrations/{job.number}/live?state=running", headers=POLLING)
    assert response["HX-Refresh"] == "true"


def test_a_poll_costs_few_queries(in_state: Make, signed_in: SignIn, django_assert_max_num_queries: Make) -> None:
    job, client = in_state("running"), signed_in("support")
    address = f"/migrations/{job.number}/live?state=running"
    with django_assert_max_num_queries(9):  # session, person, tag, job, samples twice, events, light, run
        first = client.get(address, headers=POLLING)
    with django_assert_max_num_queries(3):  # session, person, tag: whoever comes next is given the same text
        assert client.get(address, headers=POLLING).content == first.content
    with django_assert_max_num_queries(3):
        assert client.get(address, headers=POLLING | {"HX-PTag": first["HX-PTag"]}).status_code == 304


def test_a_failed_run_shows_the_remedy_first_and_its_code(in_state: Make, signed_in: SignIn) -> None:
    html = page_of(signed_in("support"), in_state("failed"))
    assert "Remedy to pass on" in html
    assert html.index("Mend it.") < html.index("Phases")
    assert "MOS-MIG-107" in html
    assert "Failed in copy" in html


def test_a_verified_run_shows_its_verification_and_gives_the_certificate(in_state: Make, signed_in: SignIn) -> None:
    job, client = in_state("verified"), signed_in("support")
    html = page_of(client, job)
    assert "Equal" in html
    assert "a91f04" in html
    answer = client.get(f"/migrations/{job.number}/certificate.json")
    assert json.loads(answer.content)["format"] == "mosaic-certificate/1"
    assert ".cert.json" in answer["Content-Disposition"]


def test_a_run_without_certificate_says_so(in_state: Make, signed_in: SignIn) -> None:
    assert signed_in("support").get(f"/migrations/{in_state('failed').number}/certificate.json").status_code == 404


def test_the_plan_page_asks_for_the_decision_and_keeps_start_disabled(
    planned: Make, signed_in: SignIn, engine: FakeEngine
) -> None:
    engine.open_decisions = (Decision("table", "agents", 3, 100, "2 columns", ("--carry-table agents",)),)
    html = page_of(signed_in("operator"), planned())
    assert "1 decision left" in html
    assert 'href="#decide-1"' in html
    assert "disabled>Start run #1" in html


def test_a_decision_on_the_page_makes_the_dry_run_again(planned: Make, signed_in: SignIn, engine: FakeEngine) -> None:
    engine.open_decisions = (Decision("table", "agents", 3, 100, "2 columns", ("--carry-table agents",)),)
    job, client = planned(), signed_in("operator")
    answer = {"kind-1": "table", "subject-1": "agents", "choice-1": "skip", "text-1": "not used"}
    assert client.post(f"/migrations/{job.number}/decide", answer).status_code == 303
    job.refresh_from_db()
    assert job.state == "planning"
    assert "The dry run reads both ends." in page_of(client, job)
    plan_here(job)
    assert job.decisions["skip_tables"] == {"agents": "not used"}
    assert "Ready" in page_of(client, job)


def test_a_skip_without_a_reason_is_refused_beside_the_plan(
    planned: Make, signed_in: SignIn, engine: FakeEngine
) -> None:
    engine.open_decisions = (Decision("table", "agents", 3, 100, "2 columns", ("--carry-table agents",)),)
    job = planned()
    answer = {"kind-1": "table", "subject-1": "agents", "choice-1": "skip", "text-1": ""}
    response = signed_in("operator").post(f"/migrations/{job.number}/decide", answer)
    assert response.status_code == 422
    assert "MOS-MIG-111" in response.content.decode()


def test_a_gateway_in_the_way_blocks_and_shows_how_to_pause_it(
    planned: Make, signed_in: SignIn, engine: FakeEngine
) -> None:
    words = "Gateway on atlas-01, pid 2214, holds the source."
    engine.checks = (CheckResult("MOS-MIG-009", "Locks", CheckStatus.FAIL, words, "mosaic gateway pause"),)
    html = page_of(signed_in("operator"), planned())
    assert "Blocks" in html
    assert words in html
    assert "mosaic gateway pause" in html


def test_start_with_the_wrong_name_is_422_and_shows_the_remedy(planned: Make, signed_in: SignIn) -> None:
    job = planned()
    answer = {"plan_hash": job.plan_hash, "target_name": "mosaic@elsewhere"}
    response = signed_in("operator").post(f"/migrations/{job.number}/start", answer)
    assert response.status_code == 422
    assert "Type exactly: mosaic@127.0.0.1:5433" in response.content.decode()


def test_a_directory_as_the_source_is_started_only_with_the_word_that_nobody_uses_it(
    planned: Make, signed_in: SignIn
) -> None:
    job = planned()
    MigrationJob.objects.filter(pk=job.pk).update(source_tier="local")
    client, url = signed_in("operator"), f"/migrations/{job.number}/start"
    assert "also on other hosts and in containers" in client.get(f"/migrations/{job.number}/").content.decode()
    answer = {"plan_hash": job.plan_hash, "target_name": job.target_name}
    refused = client.post(url, answer)
    assert (refused.status_code, "MOS-MIG-109" in refused.content.decode()) == (422, True)
    assert client.post(url, {**answer, "source_stopped": "yes"}).status_code == 303


def test_start_from_the_page_queues_the_run(planned: Make, signed_in: SignIn) -> None:
    job = planned()
    answer = {"plan_hash": job.plan_hash, "target_name": job.target_name}
    assert signed_in("operator").post(f"/migrations/{job.number}/start", answer).status_code == 303
    job.refresh_from_db()
    assert (job.state, job.started_by_name) == ("queued", "operator")


def test_cancel_works_without_javascript_and_only_with_the_words(in_state: Make, signed_in: SignIn) -> None:
    job, client = in_state("paused"), signed_in("operator")
    address = f"/migrations/{job.number}/cancel"
    assert "Type <code>run 1</code>" in client.get(address).content.decode()
    assert client.post(address, {"confirmation": "yes"}).status_code == 422
    assert client.post(address, {"confirmation": "run 1"}).status_code == 303
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_the_empty_history_offers_a_dry_run_to_those_who_may(signed_in: SignIn) -> None:
    assert "Make a dry run" in signed_in("operator").get("/migrations/").content.decode()
    assert "Make a dry run" not in signed_in("support").get("/migrations/").content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=%231", True),
        ("q=%232", False),
        ("q=tasks", True),
        ("q=ADA", True),
        ("q=mos-mig-107", True),
        ("q=elephant", False),
        ("state=failed", True),
        ("state=interrupted", False),
        ("days=7", True),
    ],
)
def test_the_history_is_searched_and_filtered(in_state: Make, signed_in: SignIn, query: str, found: bool) -> None:
    in_state("failed")
    html = signed_in("support").get(f"/migrations/?{query}").content.decode()
    assert (">#1</a>" in html) == found


def test_interrupted_can_be_filtered_although_it_is_not_stored(in_state: Make, signed_in: SignIn) -> None:
    in_state("interrupted")
    client = signed_in("support")
    assert ">#1</a>" in client.get("/migrations/?state=interrupted").content.decode()
    assert ">#1</a>" not in client.get("/migrations/?state=running").content.decode()


def test_the_history_costs_the_same_queries_for_many_runs(planned: Make, django_assert_num_queries: Make) -> None:
    for _ in range(5):
        planned()
    with django_assert_num_queries(4):  # which runs, the runs, found, total
        assert len(list_jobs(Filters()).jobs) == 5


def test_the_curve_is_thinned_to_what_a_screen_can_show(in_state: Make, signed_in: SignIn) -> None:
    job = in_state("running")
    start = timezone.now() - timedelta(seconds=1000)
    MigrationSample.objects.bulk_create(
        MigrationSample(job=job, at=start + timedelta(seconds=n), bytes_done=n, rows_done=n, rate=1e6)
        for n in range(1000)
    )
    points = throughput(job)
    assert len(points) <= 300
    assert {rate for _, rate in points} == {1.0}
    assert escape(json.dumps([at for at, _ in points][:3])[1:-1]) in page_of(signed_in("support"), job)


def test_the_support_bundle_has_everything_but_secrets_and_row_contents(in_state: Make, signed_in: SignIn) -> None:
    job = in_state("verified")
    add_event(job.pk, "Lost postgresql://mosaic:canary-5@h/db")
    answer = signed_in("support").get(f"/migrations/{job.number}/support.zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert {
        "README.txt",
        "job.json",
        "plan.json",
        "events.json",
        "throughput.json",
        "cutovers.json",
        "versions.json",
    } == {*archive.namelist()}
    text = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "canary" not in text
    assert "ada@example.org" not in text
    assert "Lost postgresql" in text


def test_nobody_sees_a_run_without_signing_in(in_state: Make) -> None:
    assert Client().get(f"/migrations/{in_state('running').number}/").status_code == 302
