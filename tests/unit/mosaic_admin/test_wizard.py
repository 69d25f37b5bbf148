"""The wizard's one click: pause the gateway, and make the dry run again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client

from gateway.services import GatewayState, GatewayStatus
from migration.codes import LOCKED
from migration.engine.model import CheckResult, CheckStatus
from migration.models import JobState, MigrationJob
from mosaic_admin import wizard
from tests.fakes.engine import FakeEngine
from tests.unit.migration.conftest import Sent
from tests.unit.migration.conftest import engine as engine
from tests.unit.migration.conftest import new_job as new_job
from tests.unit.migration.conftest import planned as planned
from tests.unit.migration.conftest import sent as sent
from tests.unit.migration.conftest import signed_in as signed_in

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("state", "becomes"), [(GatewayState.PAUSED, JobState.PLANNING), (GatewayState.SERVING, JobState.PLANNED)]
)
def test_a_gateway_that_is_paused_has_the_plan_made_again(
    planned: Callable[[], MigrationJob],
    signed_in: Callable[[str], Client],
    engine: FakeEngine,
    sent: Sent,
    monkeypatch: pytest.MonkeyPatch,
    state: GatewayState,
    becomes: JobState,
) -> None:
    paused: list[str] = []

    def pause(request: HttpRequest) -> HttpResponse:
        paused.append(request.path)
        return HttpResponse()

    monkeypatch.setattr(wizard.gateway_views, "pause", pause)
    monkeypatch.setattr(wizard.gateway, "read_status", lambda: GatewayStatus(state, address="127.0.0.1:8001"))
    engine.checks = (CheckResult(LOCKED.id, "store locks", CheckStatus.FAIL, "a gateway", "Pause it."),)
    job, client = planned(), signed_in("operator")
    address = f"/migrations/{job.number}/pause-gateway"
    assert f'action="{address}"' in client.get(f"/migrations/{job.number}/").content.decode()
    answer = client.post(address)
    assert (answer.status_code, answer["Location"]) == (303, f"/migrations/{job.number}/")
    job.refresh_from_db()
    assert (job.state, len(paused)) == (becomes, 1)
    assert signed_in("support").post(address).status_code == 403
