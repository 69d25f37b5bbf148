from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client

from migration import choices
from migration.job_errors import NoTargetError
from migration.models import MigrationJob
from mosaic_admin import env
from tests.unit.migration.conftest import SOURCE, TARGET
from tiers.models import TierConfig

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def boot_file(request: pytest.FixtureRequest) -> object:
    path = env.load().config
    path.write_text(json.dumps(SOURCE))
    yield path
    path.unlink(missing_ok=True)


def federated() -> TierConfig:
    return TierConfig.objects.create(name="fed", tier="federated", document=TARGET)


def test_the_boot_file_and_rows_of_other_tiers_are_sources_and_federated_rows_are_targets() -> None:
    row = federated()
    local = TierConfig.objects.create(name="old", tier="standalone", document=SOURCE)
    offered = choices.list_choices()
    assert [value for value, _ in offered.sources] == ["file", str(local.pk)]
    assert [value for value, _ in offered.targets] == [str(row.pk)]
    assert offered.problem == ""


def test_without_a_federated_configuration_the_remedy_says_where_to_make_one() -> None:
    assert "federated" in choices.list_choices().problem
    with pytest.raises(NoTargetError) as refused:
        choices.default_target()
    assert "/tiers/new" in refused.value.remediation
    assert refused.value.exit_code == 78


def test_the_new_page_makes_a_dry_run_of_what_was_chosen(signed_in: Callable[[str], Client]) -> None:
    row, client = federated(), signed_in("operator")
    assert "what the gateway runs on" in client.get("/migrations/new").content.decode()
    answer = client.post("/migrations/new", {"source": "file", "target": str(row.pk)})
    assert answer["Location"] == "/migrations/1/"
    job = MigrationJob.objects.get()
    assert (job.source_tier, job.target_label, job.created_by_name) == ("standalone", "fed", "operator")


def test_a_bad_choice_is_422_with_its_error_beside_the_field(signed_in: Callable[[str], Client]) -> None:
    federated()
    answer = signed_in("operator").post("/migrations/new", {"source": "nonsense", "target": ""})
    assert answer.status_code == 422
    assert "errorlist" in answer.content.decode()
    assert not MigrationJob.objects.exists()


def test_support_cannot_open_the_new_page(signed_in: Callable[[str], Client]) -> None:
    assert signed_in("support").get("/migrations/new").status_code == 403
