from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from migration.jobs import add_event
from migration.models import MigrationJob
from mosaic_admin.access import Role
from mosaic_admin.people.tokens import create_token

pytestmark = pytest.mark.django_db
Make = Callable[..., MigrationJob]


def bearer(scope: str) -> dict[str, str]:
    admin = get_user_model().objects.create(username="root", password="!", role=Role.ADMIN)
    _, raw = create_token(name="ci", scopes=[scope], created_by=admin)
    return {"Authorization": f"Bearer {raw}"}


def test_a_token_with_the_scope_lists_runs_with_their_derived_state(in_state: Make) -> None:
    in_state("interrupted")
    headers = bearer("migrations:read")
    body = Client().get("/api/v1/migrations", headers=headers).json()
    assert (body["found"], body["runs"][0]["state"]) == (1, "interrupted")
    assert Client().get("/api/v1/migrations?state=verified", headers=headers).json()["runs"] == []


def test_another_scope_and_nobody_at_all_are_refused(in_state: Make) -> None:
    in_state("running")
    assert Client().get("/api/v1/migrations", headers=bearer("doctor:read")).status_code == 403
    assert Client().get("/api/v1/migrations/1").status_code == 401


def test_a_run_has_plan_progress_and_verification_but_no_secret_and_no_row_keys(
    in_state: Make, signed_in: Callable[[str], Client]
) -> None:
    in_state("verified")
    answer = signed_in("support").get("/api/v1/migrations/1")
    body = answer.json()
    assert body["verification"]["tables"][0]["is_equal"]
    assert body["plan"]["hash"] == body["plan_hash"]
    text = answer.content.decode()
    assert "canary" not in text
    assert "ada@example.org" not in text
    assert "document" not in text


def test_a_failed_run_has_code_message_and_remedy(in_state: Make, signed_in: Callable[[str], Client]) -> None:
    in_state("failed")
    error = signed_in("support").get("/api/v1/migrations/1").json()["error"]
    assert error == {"code": "MOS-MIG-107", "message": "It broke.", "remediation": "Mend it."}


def test_events_come_newest_first(in_state: Make, signed_in: Callable[[str], Client]) -> None:
    add_event(in_state("running").pk, "The newest", level="warning")
    events = signed_in("support").get("/api/v1/migrations/1/events").json()["events"]
    assert (events[0]["message"], events[0]["level"]) == ("The newest", "warning")
    assert events[-1]["actor"] == "ada"


def test_an_unknown_run_is_404_in_the_one_error_shape(signed_in: Callable[[str], Client]) -> None:
    answer = signed_in("support").get("/api/v1/migrations/77")
    assert answer.status_code == 404
    assert answer.json()["error"]["remediation"]


@pytest.mark.parametrize(
    "path",
    [
        f"?page={10**30}", "?page=-1", "?until=9999-12-31", "?since=0001-01-01&until=0001-01-01", "?q=%00&person=%00",
        "?q=" + "9" * 300, "?q=%ED%A0%80",
    ],
)  # fmt: skip
def test_what_no_row_can_have_is_no_error_of_ours(in_state: Make, path: str) -> None:
    in_state("running")
    assert Client().get(f"/api/v1/migrations{path}", headers=bearer("migrations:read")).status_code == 200


@pytest.mark.parametrize("number", [2**31, 2**63, 10**40])
def test_a_number_that_no_run_can_have_is_not_found(number: int) -> None:
    assert Client().get(f"/api/v1/migrations/{number}", headers=bearer("migrations:read")).status_code == 404
