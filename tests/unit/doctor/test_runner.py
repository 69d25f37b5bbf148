from __future__ import annotations

import logging
import threading
import time

import pytest

from doctor import codes
from doctor.findings import Finding, Status, passed, skipped, unsure
from doctor.probe import Context, Service
from doctor.report import Light
from doctor.runner import run_probes
from mosaic_admin.errors import MosaicError
from tests.stalls import stalls
from tests.unit.doctor.probes_for_tests import Scripted, crashes, fails, hangs


def by_probe(report: object, name: str) -> Finding:
    return next(item for item in report.findings if item.probe == name)  # type: ignore[attr-defined]


def test_all_passing_probes_make_a_green_report() -> None:
    report = run_probes([Scripted("a"), Scripted("b", requires=("a",))], tier="standalone")
    assert report.status is Light.GREEN
    assert [item.status for item in report.findings] == [Status.PASS, Status.PASS]
    assert report.exit_code() == 0


def test_a_failure_skips_its_dependents_and_names_the_root_not_the_link_between() -> None:
    probes = [Scripted("a", fails), Scripted("b", requires=("a",)), Scripted("c", requires=("b",)), Scripted("d")]
    report = run_probes(probes)
    assert [item.probe for item in report.findings] == ["a", "b", "c", "d"]
    assert by_probe(report, "b").status is by_probe(report, "c").status is Status.SKIP
    assert by_probe(report, "c").caused_by is codes.PG_ENCODING
    assert "because of MOS-PG-025 (a)" in by_probe(report, "c").message
    assert report.root_causes == (by_probe(report, "a"),)


def test_a_check_that_does_not_apply_does_not_stop_the_ones_after_it() -> None:
    report = run_probes([Scripted("a", lambda _: skipped("Not on this tier.")), Scripted("b", requires=("a",))])
    assert by_probe(report, "b").status is Status.PASS
    assert report.services[0].status is Status.PASS


def test_a_crashing_probe_is_one_unknown_and_the_rest_of_the_report_stands(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        report = run_probes([Scripted("a", crashes), Scripted("b"), Scripted("c", requires=("a",))])
    assert by_probe(report, "a").status is Status.UNKNOWN
    assert by_probe(report, "a").code is codes.PROBE_CRASHED
    assert "hunter2" not in by_probe(report, "a").message
    assert by_probe(report, "b").status is Status.PASS
    assert by_probe(report, "c").caused_by is codes.PROBE_CRASHED
    assert report.status is Light.YELLOW
    assert "The probe a crashed" in caplog.text


def test_an_expected_error_becomes_a_finding_with_the_same_code_and_words() -> None:
    def refuses(_: Context) -> Finding:
        raise MosaicError(
            "Refused.", remediation="Start it.", code=codes.PG_HEADROOM, command="make run", sqlstate="57P03"
        )

    finding = by_probe(run_probes([Scripted("a", refuses)]), "a")
    assert (finding.code, finding.message) == (codes.PG_HEADROOM, "Refused.")
    assert finding.remediation is not None
    assert finding.remediation.as_dict() == {"text": "Start it.", "command": "make run"}
    assert finding.evidence == (("SQLSTATE", "57P03"),)


def test_a_timeout_is_called_a_timeout_with_its_number_and_the_others_wait_because_of_it() -> None:
    probes = [Scripted("a"), Scripted("b", hangs, requires=("a",)), Scripted("c", requires=("b",)), Scripted("d")]
    report = run_probes(probes, deadline_s=1.0, ladder_s=0.5)
    assert by_probe(report, "a").status is Status.PASS
    assert by_probe(report, "b").message == "No answer within 0.5 s."
    assert by_probe(report, "b").status is Status.FAIL
    assert by_probe(report, "b").duration_ms >= 400
    assert {by_probe(report, name).caused_by for name in "cd"} == {codes.PROBE_TIMEOUT}
    assert len(report.findings) == 4  # the late answer is not in it twice


def test_twenty_hanging_ladders_cost_one_ladders_time() -> None:
    probes = [Scripted(f"p{n}", hangs, ladder=f"l{n}", service=f"s{n}") for n in range(20)]
    with stalls() as machine:
        begun = time.monotonic()
        report = run_probes(probes, deadline_s=1.0, ladder_s=0.6)
        took = time.monotonic() - begun
    assert took - machine.seconds < 1.0
    assert len(report.root_causes) == 20
    assert report.duration_ms / 1000 - machine.seconds <= 1.0


def test_a_short_deadline_cuts_the_ladders_time_too() -> None:
    report = run_probes([Scripted("a", hangs)], deadline_s=0.8)
    assert report.duration_ms <= 800
    assert by_probe(report, "a").message == "No answer within 0.5 s."


def test_a_hanging_probe_is_woken_through_what_it_kept() -> None:
    woken, closed = threading.Event(), threading.Event()

    def waits(context: Context) -> Finding:
        context.keep("socket", woken, close=closed.set, abort=woken.set)
        assert woken.wait(10)
        return passed("woken")

    report = run_probes([Scripted("a", waits)], deadline_s=0.6)
    assert by_probe(report, "a").message.startswith("No answer")
    assert closed.wait(2), "the ladder's thread did not end"


def test_what_is_kept_after_the_deadline_is_aborted_at_once() -> None:
    woken = threading.Event()

    def slow_to_connect(context: Context) -> Finding:
        time.sleep(0.6)
        context.keep("socket", woken, close=lambda: None, abort=woken.set)
        return passed("late")

    run_probes([Scripted("a", slow_to_connect)], deadline_s=0.5)
    assert woken.wait(2)


def test_probes_of_one_ladder_share_what_was_kept_and_it_is_closed_once() -> None:
    closed: list[int] = []

    def opens(context: Context) -> Finding:
        context.keep("socket", "the connection", close=lambda: closed.append(1), abort=lambda: None)
        return passed("open")

    def uses(context: Context) -> Finding:
        return passed(context.get("socket", str))

    report = run_probes([Scripted("a", opens), Scripted("b", uses), Scripted("c", uses)])
    assert by_probe(report, "c").message == "the connection"
    assert closed == [1]


def test_a_probe_may_need_a_probe_of_another_ladder() -> None:
    def slow(context: Context) -> Finding:
        time.sleep(0.2)
        return fails(context)

    probes = [Scripted("gate", requires=("a",), ladder="gateway", service="gateway"), Scripted("a", slow)]
    report = run_probes(probes)
    assert by_probe(report, "gate").caused_by is codes.PG_ENCODING


def test_a_probe_that_needs_a_missing_probe_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="nobody"):
        run_probes([Scripted("a", requires=("nobody",))])
    with pytest.raises(ValueError, match="one name"):
        run_probes([Scripted("a"), Scripted("a")])


def test_services_carry_what_their_probes_learned() -> None:
    def learns(context: Context) -> Finding:
        context.learn("postgres", version="18.6")
        context.learn("pgvector", version="0.8.6", available="0.8.6", installed="0.8.6")
        return passed("known")

    declared = [Service("postgres", endpoint="127.0.0.1:5433/mosaic"), Service("pgvector", endpoint="127.0.0.1:5433")]
    report = run_probes([Scripted("a", learns), Scripted("b", service="pgvector")], services=declared)
    assert [item.as_dict() for item in report.services] == [
        {"name": "postgres", "required": True, "status": "pass", "version": "18.6",
         "endpoint": "127.0.0.1:5433/mosaic", "duration_ms": report.services[0].duration_ms},
        {"name": "pgvector", "required": True, "status": "pass", "version": "0.8.6", "endpoint": "127.0.0.1:5433",
         "duration_ms": report.services[1].duration_ms, "available": "0.8.6", "installed": "0.8.6"},
    ]  # fmt: skip


def test_one_probe_may_find_several_things_and_they_are_sorted_trouble_first() -> None:
    def many(context: Context) -> list[Finding]:
        return [passed("fine"), unsure(codes.PGV_UNSURE, "Cannot see.", "Ask a superuser."), fails(context)]

    report = run_probes([Scripted("a", many)])
    assert [item.status for item in report.findings] == [Status.FAIL, Status.UNKNOWN, Status.PASS]
    assert report.status is Light.RED
