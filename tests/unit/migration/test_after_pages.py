"""Rejected rows and discarding, as pages: who sees what, and what a click does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from migration import after_views, services
from migration.engine.discard import Discarded
from migration.engine.model import CheckResult, CheckStatus, Decisions
from migration.errors import NotDiscardableError
from migration.forms import decisions_from_post
from migration.job_errors import BadDecisionError
from migration.models import JobState, MigrationJob
from migration.rejects import Reject, Rejects
from mosaic_admin.audit.models import Action, AuditEvent
from tests.fakes.engine import FakeEngine
from tests.unit.migration.conftest import BY, Sent

pytestmark = pytest.mark.django_db
InState = Callable[..., MigrationJob]
SignIn = Callable[[str], Client]
AT = datetime(2026, 11, 26, tzinfo=UTC)
FOUND = Rejects(
    (
        Reject("users", "ada@example.org", "another row has the same unique value", "23505", AT),
        Reject(
            "=cmd()", "7 · 5f1c0a9e-0000-4000-8000-000000000001", "a rule of the store (CHECK) forbids it", "23514", AT
        ),
    ),
    (("users", "another row has the same unique value", 1), ("=cmd()", "a rule of the store (CHECK) forbids it", 1)),
)


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(after_views, "read_rejects", lambda job: FOUND)


def rejected(in_state: InState) -> MigrationJob:
    job = in_state("failed")
    MigrationJob.objects.filter(pk=job.pk).update(error_code="MOS-MIG-108", result={"rejects": 2})
    job.refresh_from_db()
    return job


def test_operators_see_whole_keys_and_support_masked_ones(in_state: InState, signed_in: SignIn) -> None:
    job = rejected(in_state)
    page = signed_in("operator").get(f"/migrations/{job.number}/rejects").content.decode()
    assert "ada@example.org" in page
    assert "Accept 2 rejected rows" in page
    seen = signed_in("support").get(f"/migrations/{job.number}/rejects").content.decode()
    assert "ada@example.org" not in seen
    assert "a•••" in seen
    assert "Accept 2" not in seen


def test_the_export_is_masked_and_no_cell_is_a_formula(in_state: InState, signed_in: SignIn) -> None:
    job = rejected(in_state)
    answer = signed_in("operator").get(f"/migrations/{job.number}/rejects.csv")
    text = answer.content.decode()
    assert "ada@example.org" not in text
    assert "7 · 5f1c0a9e-0000-4000-8000-000000000001" in text
    assert "\r\n'=cmd()," in text
    assert AuditEvent.objects.filter(action=Action.MIGRATION_EXPORT).exists()


def test_accepting_rejects_makes_a_dry_run_that_permits_as_many(
    in_state: InState, signed_in: SignIn, sent: Sent
) -> None:
    job = rejected(in_state)
    answer = signed_in("operator").post(f"/migrations/{job.number}/rejects/accept")
    made = MigrationJob.objects.order_by("-number").first()
    assert made is not None
    assert (answer.status_code, answer["Location"]) == (303, f"/migrations/{made.number}/")
    assert Decisions.from_dict(made.decisions).allow_rejects == 2
    assert sent[-1] == ("plan", made.pk, 1)
    assert signed_in("support").post(f"/migrations/{job.number}/rejects/accept").status_code == 403


def test_a_plan_that_would_reject_rows_asks_how_many_may_stay_behind(
    engine: FakeEngine, in_state: InState, signed_in: SignIn
) -> None:
    engine.checks = (CheckResult("MOS-MIG-013", "rows", CheckStatus.FAIL, "3 rows", "Repair them."),)
    job, client = in_state("planned"), signed_in("operator")
    assert "Rows that may stay behind" in client.get(f"/migrations/{job.number}/").content.decode()
    client.post(f"/migrations/{job.number}/decide", {"allow_rejects": "3"})
    job.refresh_from_db()
    assert Decisions.from_dict(job.decisions).allow_rejects == 3
    with pytest.raises(BadDecisionError):
        decisions_from_post({"allow_rejects": "many"})


def test_a_discard_asks_for_the_targets_name_and_ends_the_run_for_good(
    in_state: InState, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []

    def discard(target: Any, *, run_id: Any) -> Discarded:
        calls.append(run_id)
        return Discarded(run_id, {"tasks": 1000, "users": 200, "notes": 0})

    monkeypatch.setattr(services, "discard", discard)
    job, client = in_state("failed"), signed_in("operator")
    assert f"/migrations/{job.number}/discard" in client.get(f"/migrations/{job.number}/").content.decode()
    assert client.post(f"/migrations/{job.number}/discard", {"confirmation": "yes"}).status_code == 422
    assert calls == []
    answer = client.post(f"/migrations/{job.number}/discard", {"confirmation": job.target_name})
    assert answer.status_code == 303
    assert calls == [job.run_id]
    job.refresh_from_db()
    assert (job.state, job.can_discard, job.is_resumable) == (JobState.CANCELLED, False, False)
    assert "1,200 rows taken out of 2 tables" in job.events.first().message
    assert "taken out of the target" in client.get(f"/migrations/{job.number}/").content.decode()
    assert client.post(f"/migrations/{job.number}/discard", {"confirmation": job.target_name}).status_code == 409


@pytest.mark.parametrize("state", ["running", "paused", "interrupted", "verified", "planned"])
def test_a_run_that_may_go_on_or_is_finished_cannot_be_discarded(
    in_state: InState, signed_in: SignIn, state: str
) -> None:
    job, client = in_state(state), signed_in("operator")
    assert client.post(f"/migrations/{job.number}/discard", {"confirmation": job.target_name}).status_code == 409
    assert "Nothing can be discarded" in client.get(f"/migrations/{job.number}/discard").content.decode()


def test_a_discard_that_was_cut_short_after_its_commit_is_noted_by_the_next_one(
    in_state: InState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def discard(target: Any, *, run_id: Any) -> Discarded:
        raise NotDiscardableError("The target holds no run.", remediation="Nothing to do.")

    monkeypatch.setattr(services, "discard", discard)
    job = in_state("cancelled")
    assert services.discard_run(job=job, confirmation=job.target_name, by=BY) == 0
    assert job.discarded_at is not None


def test_a_rehearsal_whose_plan_failed_is_not_planned_again(in_state: InState, signed_in: SignIn) -> None:
    job = in_state("plan_failed")
    MigrationJob.objects.filter(pk=job.pk).update(kind="rehearsal")
    client = signed_in("operator")
    assert "Dry run again" not in client.get(f"/migrations/{job.number}/").content.decode()
    assert client.post(f"/migrations/{job.number}/replan").status_code == 409
