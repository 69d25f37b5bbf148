"""The cutover's and the rollback's page: what each state shows, to whom, and what a click does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from migration import rollback, switch_views
from migration.gained import Gained, GainedTable
from migration.models import Cutover, MigrationJob
from mosaic_admin.audit.models import Action, AuditEvent
from tiers import services as tiers

pytestmark = pytest.mark.django_db
InState = Callable[..., MigrationJob]
SignIn = Callable[[str], Client]
NOW = datetime.fromisoformat("2026-11-26T10:00:00+00:00")


@pytest.fixture(autouse=True)
def begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Cutover]:
    """The cutovers that a page began; the work itself has its own tests, on real stores."""
    started: list[Cutover] = []
    monkeypatch.setattr(switch_views, "in_background", lambda cutover, by: started.append(cutover))
    monkeypatch.setattr(tiers, "config_path", lambda: tmp_path / "mosaic.config.json")
    return started


def address(job: MigrationJob, what: str = "cutover") -> str:
    return f"/migrations/{job.number}/{what}"


def cutover_in(job: MigrationJob, status: str, **values: Any) -> Cutover:
    return Cutover.objects.create(job=job, status=status, store_at=NOW, by_name="ada", **values)


def test_a_verified_run_offers_its_cutover_and_a_click_begins_it(
    in_state: InState, signed_in: SignIn, begun: list[Cutover]
) -> None:
    job, client = in_state("verified"), signed_in("operator")
    assert "Cut over…" in client.get(f"/migrations/{job.number}/").content.decode()
    assert "Smoke" not in client.get(address(job)).content.decode()
    wrong = client.post(address(job), {"confirmation": "mosaic"})
    assert wrong.status_code == 422
    assert "The typed name is not the target" in wrong.content.decode()
    assert begun == []
    done = client.post(address(job), {"confirmation": job.target_name})
    assert (done.status_code, done["Location"]) == (303, address(job))
    assert [cutover.job_id for cutover in begun] == [job.pk]
    event = AuditEvent.objects.get(action=Action.MIGRATION_CUTOVER)
    assert (event.who, event.subject) == ("operator", f"run #{job.number}")
    again = client.post(address(job), {"confirmation": job.target_name})
    assert again.status_code == 409
    assert "Somebody else is cutting" in again.content.decode()


def test_a_run_that_is_not_verified_offers_no_cutover(in_state: InState, signed_in: SignIn) -> None:
    job, client = in_state("failed"), signed_in("operator")
    page = client.get(address(job)).content.decode()
    assert "A run is cut over once it is verified" in page
    assert "data-guarded" not in page
    assert client.post(address(job), {"confirmation": job.target_name}).status_code == 409


def test_a_working_cutover_polls_its_steps_and_refreshes_at_its_end(in_state: InState, signed_in: SignIn) -> None:
    job, client = in_state("verified"), signed_in("support")
    cutover = cutover_in(job, "working", step="record")
    page = client.get(address(job)).content.decode()
    assert f'hx-get="{address(job, "cutover/state")}?state=working"' in page
    polled = client.get(address(job, "cutover/state"), {"state": "working"})
    assert 'class="now"' in polled.content.decode()
    same = client.get(address(job, "cutover/state"), {"state": "working"}, headers={"HX-PTag": polled["HX-PTag"]})
    assert same.status_code == 304
    Cutover.objects.filter(pk=cutover.pk).update(status="done", step="")
    assert client.get(address(job, "cutover/state"), {"state": "working"})["HX-Refresh"] == "true"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "failed", "step": "check", "error_code": "MOS-STO-001"}, "the gateway boots from the old store"),
        ({"status": "failed", "step": "test", "error_code": "MOS-MIG-116"}, "Finish the cutover"),
        ({"status": "done", "step": "", "done_at": NOW, "smoke": "Read 7 tables"}, "Now restart the gateway"),
        ({"status": "rolled_back", "step": "", "done_at": NOW, "rolled_back_at": NOW}, "boots from the old store"),
    ],
)
def test_each_state_says_what_holds_and_support_finds_no_button(
    in_state: InState, signed_in: SignIn, values: dict[str, Any], words: str
) -> None:
    job = in_state("verified")
    cutover_in(job, **values)
    page = signed_in("operator").get(address(job)).content.decode()
    assert words in page
    support = signed_in("support")
    assert "<main" in (seen := support.get(address(job)).content.decode())
    assert 'method="post"' not in seen[seen.index("<main") :]
    assert support.post(address(job), {"confirmation": job.target_name}).status_code == 403
    assert support.get(address(job, "rollback")).status_code == 403


def test_a_cutover_that_gives_no_sign_of_life_can_be_finished(
    in_state: InState, signed_in: SignIn, begun: list[Cutover]
) -> None:
    job, client = in_state("verified"), signed_in("operator")
    cutover_in(job, "working", step="activate", heartbeat_at=timezone.now() - timedelta(seconds=21))
    page = client.get(address(job)).content.decode()
    assert "process stopped. Nothing is lost." in page
    assert "Finish the cutover" in page
    assert client.post(address(job), {"confirmation": job.target_name}).status_code == 303
    assert begun[0].step == "activate"


@pytest.fixture
def gained(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = {"id": "1", "label": "Only <here>", "at": "2026-11-26T10:00:00+00:00"}
    tables = (GainedTable("tasks", 10, 12, 2, 1, has_times=True, samples=(sample,)),)
    monkeypatch.setattr(rollback, "_gained", lambda cutover: Gained(tables))


@pytest.mark.usefixtures("gained")
def test_the_rollback_page_shows_what_stays_behind_and_asks_for_its_name(
    in_state: InState, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, client = in_state("verified"), signed_in("operator")
    cutover_in(job, "done", step="")
    page = client.get(address(job, "rollback")).content.decode()
    assert "Only &lt;here&gt;" in page
    assert f"roll back run {job.number}" in page
    assert client.post(address(job, "rollback"), {"confirmation": "yes"}).status_code == 422
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(rollback, "roll_back", lambda **options: calls.append(options))
    done = client.post(address(job, "rollback"), {"confirmation": f"roll back run {job.number}"})
    assert (done.status_code, done["Location"]) == (303, address(job))
    assert calls[0]["unseen"] is False


def test_a_federated_store_that_does_not_answer_is_shown_and_has_to_be_accepted(
    in_state: InState, signed_in: SignIn
) -> None:
    job, client = in_state("verified"), signed_in("operator")
    cutover_in(job, "done", step="")  # port 5433 of the test's documents: nothing listens
    page = client.get(address(job, "rollback")).content.decode()
    assert "Cannot be seen" in page
    assert "Go back without knowing what stays behind" in page
    assert "target-canary-2" not in page


def test_a_run_without_a_cutover_has_nothing_to_roll_back(in_state: InState, signed_in: SignIn) -> None:
    job, client = in_state("verified"), signed_in("operator")
    answer = client.get(address(job, "rollback"))
    assert answer.status_code == 409
    assert "MOS-MIG-117" in answer.content.decode()
