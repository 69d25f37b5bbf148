from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

from migration.engine.model import Decisions, Endpoint, Engine, Event, Outcome, Phase, Plan, Progress, RunOptions
from tests.fakes.engine import FakeEngine

SOURCE: Any = Endpoint(None, "sample")  # type: ignore[arg-type]  # the fake reads only the label
TARGET: Any = Endpoint(None, "federated")  # type: ignore[arg-type]


class Recorder:
    def __init__(self) -> None:
        self.phases: list[Phase] = []

    def check(self) -> None: ...

    def progress(self, progress: Progress) -> None:
        self.phases.append(progress.phase)

    def event(self, event: Event) -> None: ...


def plan_of(engine: Engine) -> Plan:
    return engine.make_plan(SOURCE, TARGET, Decisions(map_values={"tasks.status:new": "todo"}))


def test_a_plan_survives_the_way_through_json() -> None:
    plan = plan_of(FakeEngine())
    assert Plan.from_dict(plan.as_dict()) == plan


def test_the_hash_ignores_measured_sizes() -> None:
    plan = plan_of(FakeEngine())
    grown = replace(plan, tables=tuple(replace(table, rows=table.rows + 7) for table in plan.tables), made_at="later")
    assert grown.hash == plan.hash


def test_the_hash_covers_decisions() -> None:
    plan = plan_of(FakeEngine())
    assert replace(plan, decisions=Decisions()).hash != plan.hash


def test_the_fake_walks_all_phases_and_prepares_the_schema() -> None:
    engine, recorder, prepared = FakeEngine(), Recorder(), []
    outcome = engine.run_plan(
        plan_of(engine),
        SOURCE,
        TARGET,
        run_id=uuid4(),
        options=RunOptions(),
        control=recorder,
        sink=recorder,
        prepare_schema=prepared.append,
    )
    assert recorder.phases == list(Phase)
    assert prepared == [TARGET]
    assert Outcome.from_dict(outcome.as_dict()) == outcome
