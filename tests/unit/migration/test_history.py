"""The history for support: filters and their address, comparison, exports, and what leaves it after a time."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from migration import api, exports, history, retention, services
from migration.history import Filters, list_jobs
from migration.jobs import add_event, claim, finish
from migration.models import Cutover, MigrationJob, RunWords
from mosaic_admin.audit.models import Action, AuditEvent

pytestmark = pytest.mark.django_db
InState = Callable[..., MigrationJob]
SignIn = Callable[[str], Client]


def change(job: MigrationJob, **values: Any) -> MigrationJob:
    MigrationJob.objects.filter(pk=job.pk).update(**values)
    job.refresh_from_db()
    return job


def found(query: dict[str, str]) -> list[int]:
    return [job.number for job in list_jobs(Filters.from_query(query)).jobs]


def test_runs_are_found_by_tier_person_and_day(in_state: InState) -> None:
    first = change(in_state("verified"), source_tier="team", started_by_name="Grace", created_at="2026-01-10T23:59:00Z")
    second = change(in_state("failed"), source_tier="local", created_at="2026-01-11T00:01:00Z")
    everything = {"days": ""}
    assert found(everything | {"tier": "standalone"}) == [first.number]
    assert found(everything | {"tier": "local"}) == [second.number]
    assert found(everything | {"person": "gRaCe"}) == [first.number]
    assert found(everything | {"person": "ada"}) == [second.number, first.number]
    assert found({"since": "2026-01-11"}) == [second.number]
    assert found({"until": "2026-01-10"}) == [first.number]
    assert found({"since": "2026-01-10", "until": "2026-01-11", "state": "failed"}) == [second.number]
    assert found(everything | {"tier": "mainframe", "since": "yesterday"}) == [second.number, first.number]


@pytest.mark.parametrize("text", ["tasks", "tasks ada", "#1 tasks", "elephant"])
def test_words_find_the_same_runs_whether_they_are_read_or_looked_up(in_state: InState, text: str) -> None:
    for _ in range(3):
        in_state("failed")
    MigrationJob.objects.update(created_by_name="Ada")
    read = list_jobs(Filters(text=text, days=""))
    for narrowed in (Filters(text=text, days="", state="failed"), Filters(text=text, days="", person="ada")):
        page = list_jobs(narrowed)
        assert ([job.number for job in page.jobs], page.found) == ([job.number for job in read.jobs], read.found)
    assert read.found == {"tasks": 3, "tasks ada": 3, "#1 tasks": 1, "elephant": 0}[text]
    assert list_jobs(Filters(text=text, days=""), page=9).found == read.found


def test_filters_make_one_address_that_means_the_same_again() -> None:
    filters = Filters("naïve & co", "failed", "90", "local", "Ada", date(2026, 1, 2), None)
    assert filters.query == "q=na%C3%AFve+%26+co&state=failed&tier=local&person=Ada&since=2026-01-02"
    from django.http import QueryDict

    assert Filters.from_query(QueryDict(filters.query)) == filters
    assert Filters().query == "days=90"


def test_the_list_links_to_itself_and_its_files_with_the_same_filters(in_state: InState, signed_in: SignIn) -> None:
    in_state("failed")
    page = signed_in("support").get("/migrations/?state=failed&days=30").content.decode()
    for address in ("/migrations/?state=failed&amp;days=30", "/migrations/runs.csv?state=failed&amp;days=30"):
        assert address in page


def test_csv_and_json_hold_every_run_that_fits_and_no_secret(in_state: InState, signed_in: SignIn) -> None:
    change(in_state("failed"), created_by_name="=HYPERLINK(1)", error_code="MOS-MIG-107")
    in_state("verified")
    client = signed_in("support")
    answer = client.get("/migrations/runs.csv?state=failed")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["state"], row["created_by"], row["error_code"]) == ("failed", "'=HYPERLINK(1)", "MOS-MIG-107")
    answer = client.get("/migrations/runs.json")
    body = json.loads(b"".join(answer.streaming_content))  # type: ignore[attr-defined]
    assert body["schema_version"] == "1"
    assert [list(run) for run in body["runs"]] == [list(exports.COLUMNS)] * 2
    assert "canary" not in text + json.dumps(body)
    assert AuditEvent.objects.filter(action=Action.MIGRATION_EXPORT).count() == 2


def test_two_runs_are_compared_by_address(in_state: InState, signed_in: SignIn) -> None:
    first, second = in_state("verified"), change(in_state("failed"), resumes=2, max_mb_s=5)
    client = signed_in("support")
    page = client.get(f"/migrations/compare?a={first.number}&b={second.number}").content.decode()
    for words in ("Verified", "Failed", "2 times", "5 MB/s", "1,000 rows, equal, sum a91f04", "Time per phase"):
        assert words in page
    assert page.count("Differs") > 3
    same = client.get(f"/migrations/compare?a={first.number}&b={first.number}").content.decode()
    assert ">Differs<" not in same.replace('<span class="visually-hidden">Differs</span>', "")
    assert client.get("/migrations/compare?a=1&b=99").status_code == 404
    assert "Choose two runs" in client.get("/migrations/compare").content.decode()


def test_what_is_ticked_in_the_list_is_compared_by_an_address_to_share(in_state: InState, signed_in: SignIn) -> None:
    first, second = in_state("verified"), in_state("failed")
    client = signed_in("support")
    answer = client.get(f"/migrations/compare?run={second.number}&run={first.number}")
    assert answer.headers["Location"] == f"/migrations/compare?a={first.number}&b={second.number}"
    html = client.get(f"/migrations/compare?b={first.number}").content.decode()
    assert re.findall(r'value="(\d+)" selected', html) == [str(second.number), str(first.number)]
    assert client.get("/migrations/compare?run=1&run=x").status_code == 200


def test_a_run_older_than_the_fields_hold_is_still_the_chosen_one(
    in_state: InState, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration.history_views.CHOICES", 1)
    first, second = in_state("verified"), in_state("failed")
    html = signed_in("support").get(f"/migrations/compare?a={first.number}&b={second.number}").content.decode()
    assert re.findall(r'value="(\d+)" selected', html) == [str(first.number), str(second.number)]


def test_a_comparison_says_by_how_much_times_differ_and_can_leave_out_what_does_not(
    in_state: InState, signed_in: SignIn
) -> None:
    first, second = in_state("verified"), in_state("verified")
    for job, copied in ((first, 3.0), (second, 64.0)):
        change(job, result={**(job.result or {}), "durations": {"copy": copied, "plan": copied / 1000}})
    address = f"/migrations/compare?a={first.number}&b={second.number}"
    client = signed_in("support")
    html = client.get(address).content.decode()
    assert "1 min 1 s longer" in html
    assert html.count(">Plan</td>") == 2
    only = client.get(f"{address}&only=differences").content.decode()
    assert "1 min 1 s longer" in only
    assert (only.count(">Plan</td>"), only.count(">Versions</td>")) == (0, 0)  # 3 ms and 64 ms are the same to people


def test_old_runs_leave_and_what_is_in_force_stays(in_state: InState) -> None:
    long_ago = timezone.now() - timedelta(days=400)
    gone = change(in_state("failed"), finished_at=long_ago, created_at=long_ago)
    plan = change(in_state("planned"), created_at=long_ago)
    cut = change(in_state("verified"), finished_at=long_ago, target_key="2/other")
    Cutover.objects.create(job=cut, status="done", step="")
    back = change(in_state("verified"), finished_at=long_ago, target_key="2/third")
    Cutover.objects.create(job=back, status="rolled_back", step="")
    newest = change(in_state("verified"), finished_at=long_ago, target_key="2/fourth")
    paused = change(in_state("paused"), created_at=long_ago, finished_at=None, target_key="2/fifth")
    scratch = change(in_state("failed"), finished_at=long_ago, scratch_database="mosaic_rehearsal_1")
    fresh = in_state("failed")
    assert retention.forget(days=365) == 3
    left = set(MigrationJob.objects.values_list("number", flat=True))
    assert left == {cut.number, newest.number, paused.number, scratch.number, fresh.number}
    event = AuditEvent.objects.get(action=Action.MIGRATION_FORGET)
    assert event.after == {"numbers": [gone.number, plan.number, back.number], "older_than_days": 365}
    assert retention.forget(days=365) == 0


def test_events_have_pages_and_the_api_says_where_the_older_ones_begin(
    in_state: InState, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = in_state("verified")
    now = timezone.now()
    for number in range(7):  # three at one instant
        add_event(job.pk, f"event {number}.", at=now + timedelta(minutes=max(number, 2)))
    monkeypatch.setattr(history, "EVENTS_PAGE", 3)
    monkeypatch.setattr(api, "EVENTS_PAGE", 3)
    client, seen, address = signed_in("support"), [], f"/migrations/{job.number}/events"
    while address:
        page = client.get(address).content.decode()
        seen += re.findall(r"event \d\.", page)
        older = re.search(r'href="(\?before=[^"]+)"', page)
        address = f"/migrations/{job.number}/events{older[1]}" if older else ""
    assert seen == [f"event {number}." for number in range(6, -1, -1)]
    first = client.get(f"/api/v1/migrations/{job.number}/events").json()
    second = client.get(f"/api/v1/migrations/{job.number}/events", {"before": first["older"]}).json()
    messages = [event["message"] for event in first["events"] + second["events"]]
    assert messages == [f"event {number}." for number in range(6, 0, -1)]


def test_what_a_run_is_found_by_follows_what_happens_to_it(in_state: InState, signed_in: SignIn) -> None:
    job = in_state("planned")
    assert found({"q": "tasks"}) == found({"q": "#1"}) == found({"q": job.plan_hash[:6]}) == [job.number]
    assert found({"q": "grace"}) == []
    services.start_migration(job=job, plan_hash=job.plan_hash, target_name=job.target_name, by=services.Actor("Grace"))
    assert found({"q": "grace tasks 1"}) == [job.number]
    assert found({"q": "grace elephant"}) == []
    assert found({"q": "#11"}) == []
    held = claim("run", job.pk, job.attempt, "atlas:1")
    assert held is not None
    assert finish(held, event="Failed", state="failed", error_code="MOS-MIG-107", error_message="A pipe broke")
    assert found({"q": "mos-mig-107 PIPE"}) == [job.number]
    MigrationJob.objects.all().delete()
    assert not RunWords.objects.exists()


def test_the_last_day_of_all_is_a_day(signed_in: SignIn) -> None:
    client = signed_in("support")
    for address in ("/migrations/", "/migrations/runs.csv", "/migrations/runs.json", "/api/v1/migrations"):
        assert client.get(address, {"until": "9999-12-31"}).status_code == 200, address
