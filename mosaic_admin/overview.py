"""What the overview says: the verdict, and the way to the federated tier as a list of steps.

Pure: it is given the doctor's last document, the configurations and the last run, and chooses words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ACTIVE = frozenset({"queued", "running", "paused", "interrupted"})


@dataclass(frozen=True)
class Verdict:
    """One sentence on the whole install, and the finding to show below it."""

    kind: str
    word: str
    sentence: str
    finding: dict[str, Any] | None = None


@dataclass(frozen=True)
class Step:
    """One line of the to-do list; `status` is done, now or later."""

    text: str
    status: str = "later"
    code: str = ""

    @property
    def icon(self) -> str:
        return {"done": "check", "now": "circle-dot"}.get(self.status, "circle-dashed")


@dataclass(frozen=True)
class Next:
    """The way to the federated tier: its steps, and the one button for the step that is due."""

    steps: tuple[Step, ...]
    button: str
    url_name: str
    number: int | None = None  # of the run the button leads to

    @property
    def done(self) -> int:
        return sum(step.status == "done" for step in self.steps)


@dataclass(frozen=True)
class Way:
    """How far the move is: what the steps are decided by."""

    tier: str
    has_target: bool
    run_number: int | None = None
    run_state: str = ""
    plan_hash: str = ""
    open_decisions: int = 0
    estimate: str = ""

    @property
    def is_planned(self) -> bool:
        return bool(self.plan_hash) and self.run_state not in ("plan_failed", "cancelled")

    @property
    def is_moved(self) -> bool:
        return self.run_state == "verified"


def verdict_of(report: dict[str, Any] | None) -> Verdict:
    """Return the sentence for the doctor's last document; the effect first, then what to do."""
    if report is None:
        return Verdict("unknown", "Unknown", "Nothing has been checked yet.")
    counted = [f for f in report["findings"] if not f.get("suppressed")]
    trouble = [f for f in counted if f["status"] in ("fail", "unknown", "warn")]
    first = trouble[0] if trouble else None
    match report["status"]:
        case "green":
            aside = len(report["findings"]) - len(counted)
            more = f" {aside} {'finding is' if aside == 1 else 'findings are'} suppressed." if aside else ""
            return Verdict("green", "Green", f"This install is working.{more}")
        case "yellow":
            return Verdict("yellow", "Yellow", f"This install is working. {_can_wait(trouble)}", first)
        case _:
            failures = sum(f["status"] == "fail" for f in trouble)
            rest = f" And {failures - 1} more." if failures > 1 else ""
            return Verdict("red", "Red", f"{first['message'] if first else 'A check fails.'}{rest}", first)


def _can_wait(trouble: list[dict[str, Any]]) -> str:
    if len(trouble) == 1 and trouble[0]["status"] == "unknown":
        return "One check could not be made."
    return "One warning can wait." if len(trouble) == 1 else f"{len(trouble)} warnings can wait."


def next_steps(way: Way) -> Next | None:
    """Return the steps to the federated tier; None once this install is there."""
    if way.tier == "federated":
        return None
    facts = [
        (way.has_target, Step("Describe the federated tier")),
        (way.is_planned, Step("Make a dry run", code=way.plan_hash[:9] if way.is_planned else "")),
        (way.is_planned and not way.open_decisions, Step(_decisions(way))),
        (way.is_moved, Step(_move(way))),
        (False, Step("Cut over to the federated store")),
    ]
    return Next(_marked(facts), *_button(facts, way))


def _decisions(way: Way) -> str:
    if not way.open_decisions:
        return "Decide about unknown tables"
    return f"Decide {way.open_decisions} {'thing' if way.open_decisions == 1 else 'things'}"


def _move(way: Way) -> str:
    if way.is_moved or way.run_state in ACTIVE:
        return f"Move the data, run #{way.run_number}"
    return f"Move the data, about {way.estimate}" if way.estimate else "Move the data"


def _marked(facts: list[tuple[bool, Step]]) -> tuple[Step, ...]:
    due = next(number for number, (is_done, _) in enumerate(facts) if not is_done)
    words = {True: "done", False: "later"}
    return tuple(
        Step(step.text, "now" if number == due else words[is_done], step.code)
        for number, (is_done, step) in enumerate(facts)
    )


def _button(facts: list[tuple[bool, Step]], way: Way) -> tuple[str, str, int | None]:
    if way.run_state in ACTIVE:
        return f"Open run #{way.run_number}", "migrations:detail", way.run_number
    due = next(number for number, (is_done, _) in enumerate(facts) if not is_done)
    return (
        ("Describe the federated tier", "tiers:new", None),
        ("Make a dry run", "migrations:new", None),
        ("Review the plan", "migrations:detail", way.run_number),
        ("Review the plan", "migrations:detail", way.run_number),
        ("Cut over to the federated store", "migrations:cutover", way.run_number),
    )[due]
