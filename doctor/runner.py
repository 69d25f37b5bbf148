"""Runs probes: ladders in parallel, each probe timed and caught, the whole inside its deadline."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from doctor import codes
from doctor.findings import Finding, Remediation, Status, from_error
from doctor.probe import LADDER_S, Context, Probe, Service
from doctor.report import Report, ServiceReport, service_status, sort_findings
from mosaic_admin.errors import MosaicError

logger = logging.getLogger(__name__)
REPORT_S = 6.0  # the limit for a whole report, everything hanging
MARGIN_S = 0.3  # kept back to put the report together
LINGER_S = 0.2  # of that margin: for ladders that were given up to let go of their connections


@dataclass
class Board:
    """What is known so far, shared by the ladders' threads; the first word about a probe stands."""

    findings: dict[str, list[Finding]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    is_closed: bool = False

    def post(self, probe: str, findings: list[Finding]) -> None:
        with self.changed:
            if not self.is_closed:
                self.findings.setdefault(probe, findings)
                self.changed.notify_all()

    def wait_for(self, probe: str, until: float) -> list[Finding] | None:
        """Return what a probe of any ladder found; None when it has not answered by `until` (monotonic)."""
        with self.changed:
            self.changed.wait_for(lambda: probe in self.findings, max(0.0, until - time.monotonic()))
            return self.findings.get(probe)

    def is_known(self, probe: str) -> bool:
        with self.changed:
            return probe in self.findings

    def close(self) -> dict[str, list[Finding]]:
        """Take the findings; what a late thread still posts is dropped."""
        with self.changed:
            self.is_closed = True
            return dict(self.findings)


@dataclass
class Ladder:
    """The probes of one service and the thread that climbs them."""

    name: str
    probes: list[Probe]
    context: Context
    board: Board
    started: float
    at: tuple[Probe, float] | None = None  # the probe being asked, and since when (monotonic)

    def climb(self) -> None:
        try:
            for probe in self.probes:
                if self.context.remaining_s() <= 0.05:
                    break
                self._step(probe)
        finally:
            self.context.close()

    def _step(self, probe: Probe) -> None:
        blocker = _blocker(probe, self.board, self.context.deadline)
        if blocker is not None:
            self.board.post(probe.name, [_waits(probe, blocker)])
            return
        begun = time.monotonic()
        self.at = (probe, begun)
        found = _ask(probe, self.context)
        took = round((time.monotonic() - begun) * 1000)
        if time.monotonic() < self.context.deadline:  # what comes after the deadline is the abort speaking
            placed = [item.placed(probe=probe.name, service=probe.service, duration_ms=took) for item in found]
            self.board.post(probe.name, placed)

    def give_up(self) -> None:
        """Name the probe that hung, with its number, and let the others wait because of it."""
        timeout: Finding | None = None
        for probe in self.probes:
            if self.board.is_known(probe.name):
                continue
            blocker = _known_blocker(probe, self.board) or timeout
            if blocker is None:
                timeout = self._timed_out(probe)
            self.board.post(probe.name, [_waits(probe, blocker) if blocker else self._timed_out(probe)])
        self.context.abort()

    def _timed_out(self, probe: Probe) -> Finding:
        limit_s = self.context.deadline - self.started
        begun = self.at[1] if self.at and self.at[0] is probe else self.started
        fix = Remediation(f"See whether {probe.service} is overloaded, stopped half-way, or behind a firewall.")
        finding = Finding(Status.FAIL, f"No answer within {limit_s:.1f} s.", probe.timeout_code, fix)
        took = round((time.monotonic() - begun) * 1000)
        return finding.placed(probe=probe.name, service=probe.service, duration_ms=took)


def _ask(probe: Probe, context: Context) -> list[Finding]:
    """Run one probe. An expected error is a failure; a bug in the probe is one `unknown`, never a lost report."""
    try:
        found = probe.run(context)
    except MosaicError as error:
        return [from_error(error)]
    except Exception:
        if time.monotonic() < context.deadline:
            logger.exception("The probe %s crashed", probe.name)
        return [_crashed(probe)]
    return found if isinstance(found, list) else [found]


def _crashed(probe: Probe) -> Finding:
    fix = Remediation("Look for its traceback in the log, and report it; the other checks are complete.")
    return Finding(Status.UNKNOWN, f"The check {probe.name} failed by itself.", codes.PROBE_CRASHED, fix)


def _waits(probe: Probe, blocker: Finding) -> Finding:
    cause = blocker.caused_by or blocker.code
    because = cause.id if cause else blocker.probe
    message = f"Not asked, because of {because} ({blocker.probe})."
    if blocker.caused_by is not None:  # name the root, not the link in between
        message = blocker.message
    return Finding(Status.SKIP, message, probe=probe.name, service=probe.service, caused_by=cause)


def _blocker(probe: Probe, board: Board, until: float) -> Finding | None:
    for name in probe.requires:
        found = board.wait_for(name, until)
        blocking = next((item for item in found or () if item.is_blocking), None)
        if blocking is not None:
            return blocking
    return None


def _known_blocker(probe: Probe, board: Board) -> Finding | None:
    known = [item for name in probe.requires for item in board.findings.get(name, ())]
    return next((item for item in known if item.is_blocking), None)


def run_probes(
    probes: Sequence[Probe],
    *,
    deadline_s: float = REPORT_S,
    ladder_s: float = LADDER_S,
    tier: str | None = None,
    services: Sequence[Service] = (),
    known: Sequence[Finding] = (),
) -> Report:
    """Ask every probe and return the report, within `deadline_s` whatever hangs.

    `services` declares what the report lists (a service only probes name is listed as required); `known` are findings
    made before: the configuration's own problems. Never raises for what a probe does.
    """
    begun = time.monotonic()
    generated_at = datetime.now(UTC)
    board = Board()
    ladders = _ladders(probes, board, begun + min(ladder_s, max(0.1, deadline_s - MARGIN_S)), begun)
    _climb_all(ladders)
    found = board.close()
    ordered = [*known, *(item for probe in probes for item in found.get(probe.name, ()))]
    facts = {name: values for ladder in ladders for name, values in ladder.context.facts.items()}
    return Report(
        tier=tier,
        services=_service_reports(services, ordered, facts),
        findings=sort_findings(ordered),
        generated_at=generated_at,
        duration_ms=round((time.monotonic() - begun) * 1000),
    )


def _ladders(probes: Sequence[Probe], board: Board, deadline: float, started: float) -> list[Ladder]:
    names = [probe.name for probe in probes]
    if len(set(names)) != len(names):
        raise ValueError(f"Two probes have one name: {sorted(names)}")
    missing = {need for probe in probes for need in probe.requires} - set(names)
    if missing:
        raise ValueError(f"Probes require {sorted(missing)}, which are not in the list.")
    ladders: dict[str, Ladder] = {}
    for probe in probes:
        fresh = Ladder(probe.ladder, [], Context(deadline), board, started)
        ladders.setdefault(probe.ladder, fresh).probes.append(probe)
    return list(ladders.values())


def _climb_all(ladders: Sequence[Ladder]) -> None:
    threads = [threading.Thread(target=item.climb, name=f"doctor-{item.name}", daemon=True) for item in ladders]
    for thread in threads:
        thread.start()
    for ladder, thread in zip(ladders, threads, strict=True):
        thread.join(max(0.0, ladder.context.deadline - time.monotonic()))
    for ladder in ladders:
        if any(not ladder.board.is_known(probe.name) for probe in ladder.probes):
            ladder.give_up()
    _await_the_end(threads, time.monotonic() + LINGER_S)


def _await_the_end(threads: Sequence[threading.Thread], until: float) -> None:
    """Give the ladders a moment to close their connections: the next run must not find those of this one open."""
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


def _service_reports(
    declared: Sequence[Service], findings: Sequence[Finding], facts: dict[str, dict[str, Any]]
) -> tuple[ServiceReport, ...]:
    services = {service.name: service for service in declared}
    for finding in findings:
        services.setdefault(finding.service, Service(finding.service))
    return tuple(
        _service_report(service, [item for item in findings if item.service == service.name], facts)
        for service in services.values()
    )


def _service_report(service: Service, findings: list[Finding], facts: dict[str, dict[str, Any]]) -> ServiceReport:
    learned = {**service.facts, **facts.get(service.name, {})}
    # several findings of one probe carry that probe's time: count it once
    took = sum({finding.probe: finding.duration_ms for finding in findings}.values())
    return ServiceReport(
        name=service.name,
        required=service.required,
        status=service_status(findings),
        version=learned.pop("version", None),
        endpoint=service.endpoint,
        duration_ms=took,
        facts=learned,
    )
