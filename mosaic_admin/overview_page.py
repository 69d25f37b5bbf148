"""Gathers what the overview shows; each package is asked through its services, with a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from doctor import history
from migration.models import EffectiveState, MigrationJob
from migration.pages import one_line
from migration.services import last_job
from mosaic_admin.audit.models import AuditEvent
from mosaic_admin.audit.search import latest_changes
from mosaic_admin.context import configured_tier
from mosaic_admin.overview import Next, Verdict, Way, next_steps, verdict_of
from mosaic_admin.templatetags.looks import duration
from tiers.capabilities import matrix
from tiers.services import federated_target

LATELY = 6  # what happened last, without signing in and out
SERVICE_WORDS = {"pass": "Healthy", "warn": "Warning", "fail": "Failing", "skip": "Waiting", "unknown": "Unknown"}


@dataclass(frozen=True)
class LastRun:
    """The newest run in a few words."""

    job: MigrationJob
    state: EffectiveState
    line: str


@dataclass(frozen=True)
class Overview:
    """Everything the template needs."""

    tier: str
    verdict: Verdict
    next: Next | None
    run: LastRun | None
    checked_at: datetime | None = None
    since: datetime | None = None  # when the doctor began to say what it says
    seconds: float = 0.0
    probes: int = 0
    services: list[dict[str, Any]] = field(default_factory=list)
    lately: list[AuditEvent] = field(default_factory=list)
    matrix: dict[str, object] = field(default_factory=matrix)


def current_overview() -> Overview:
    """Return the overview as of now; nothing is probed for it."""
    span, job = history.latest(), last_job()
    report = span.body if span else None
    tier = configured_tier()
    return Overview(
        tier=tier,
        verdict=verdict_of(report),
        next=next_steps(_way(tier, job)),
        run=_last_run(job),
        checked_at=span.seen_at if span else None,
        since=span.started_at if span else None,
        lately=latest_changes(LATELY),
        seconds=report["duration_ms"] / 1000 if report else 0.0,
        probes=len(report["findings"]) if report else 0,
        services=[_service(item) for item in report["services"]] if report else [],
    )


def _service(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "word": SERVICE_WORDS[item["status"]], "seconds": item["duration_ms"] / 1000}


def _last_run(job: MigrationJob | None) -> LastRun | None:
    if job is None:
        return None
    state = job.effective_state()
    return LastRun(job, state, one_line(job, state))


def _way(tier: str, job: MigrationJob | None) -> Way:
    has_target = federated_target() is not None
    if job is None:
        return Way(tier=tier, has_target=has_target)
    plan = job.plan or {}
    estimate = sum(seconds for seconds in plan.get("estimate", {}).values() if isinstance(seconds, int | float))
    return Way(
        tier=tier,
        has_target=has_target,
        run_number=job.number,
        run_state=job.effective_state().value,
        plan_hash=job.plan_hash,
        open_decisions=len(plan.get("open_decisions", [])),
        estimate=duration(estimate) if estimate else "",
    )
