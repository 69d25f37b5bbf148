"""What the overview says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mosaic_admin.overview import Way, next_steps, verdict_of


def report(status: str, *statuses: str) -> dict[str, Any]:
    return {"status": status, "findings": [{"status": s, "message": f"Says {s}."} for s in statuses]}


@pytest.mark.parametrize(
    ("document", "kind", "sentence"),
    [
        (None, "unknown", "Nothing has been checked yet."),
        (report("green", "pass"), "green", "This install is working."),
        (report("yellow", "warn", "pass"), "yellow", "This install is working. One warning can wait."),
        (report("yellow", "warn", "warn"), "yellow", "This install is working. 2 warnings can wait."),
        (report("yellow", "unknown"), "yellow", "This install is working. One check could not be made."),
        (report("red", "fail", "warn"), "red", "Says fail."),
        (report("red", "fail", "fail", "skip"), "red", "Says fail. And 1 more."),
    ],
)
def test_the_verdict_is_one_sentence_on_the_install(document: dict[str, Any], kind: str, sentence: str) -> None:
    verdict = verdict_of(document)
    assert (verdict.kind, verdict.sentence) == (kind, sentence)


START = Way(tier="standalone", has_target=False)
PLANNED = replace(START, has_target=True, run_number=7, run_state="planned", plan_hash="b84e19d05c3f")


@pytest.mark.parametrize(
    ("way", "due", "button"),
    [
        (START, "Describe the federated tier", "tiers:new"),
        (replace(START, has_target=True), "Make a dry run", "migrations:new"),
        (replace(PLANNED, run_state="plan_failed"), "Make a dry run", "migrations:new"),
        (replace(PLANNED, open_decisions=2), "Decide 2 things", "migrations:detail"),
        (replace(PLANNED, estimate="14 min"), "Move the data, about 14 min", "migrations:detail"),
        (replace(PLANNED, run_state="running"), "Move the data, run #7", "migrations:detail"),
        (replace(PLANNED, run_state="verified"), "Cut over to the federated store", "migrations:cutover"),
    ],
)
def test_one_step_is_due_and_the_button_leads_to_it(way: Way, due: str, button: str) -> None:
    steps = next_steps(way)
    assert steps
    assert [step.text for step in steps.steps if step.status == "now"] == [due]
    assert steps.url_name == button


def test_a_cancelled_run_starts_again_at_the_dry_run() -> None:
    steps = next_steps(replace(PLANNED, run_state="cancelled"))
    assert steps
    assert steps.url_name == "migrations:new"
    assert steps.done == 1


def test_an_install_that_is_federated_has_nothing_left_to_do() -> None:
    assert next_steps(replace(START, tier="federated")) is None
