from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from jsonschema import Draft202012Validator

from doctor import codes
from doctor.findings import Finding, Remediation, Status, failed, passed, skipped, unsure, warned
from doctor.formats import as_json, as_openmetrics, as_short, as_text
from doctor.probe import Context, Service
from doctor.report import Light, Report
from doctor.runner import run_probes
from doctor.schema import report_schema
from mosaic_admin.redaction import MASK
from tests.unit.doctor.probes_for_tests import Scripted, crashes, fails, hangs

WARNING = warned(codes.VK_NOT_PERSISTENT, "Keeps nothing.", "Turn it on.", "valkey-cli CONFIG SET appendonly yes")
SHAPES = {
    "green": [passed("fine")],
    "yellow": [passed("fine"), WARNING],
    "unknown": [unsure(codes.PGV_UNSURE, "Cannot see.", "Ask a superuser.")],
    "red": [WARNING, failed(codes.PG_ENCODING, "LATIN1.", "Make another.")],
    "skip": [skipped("Not here.")],
    "empty": [],
}


def report_of(*findings: Finding, tier: str | None = "federated") -> Report:
    placed = [Scripted(f"p{n}", lambda _, item=item: item) for n, item in enumerate(findings)]  # type: ignore[misc]
    return run_probes(placed, tier=tier, services=[Service("postgres", endpoint="127.0.0.1:5433/mosaic")])


def problems(report: Report) -> list[str]:
    document = json.loads(as_json(report))
    return [error.message for error in Draft202012Validator(report_schema()).iter_errors(document)]


def test_the_published_schema_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(report_schema())


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_report_keeps_the_published_contract(shape: str) -> None:
    assert problems(report_of(*SHAPES[shape])) == []


def test_crashes_timeouts_and_skips_keep_the_published_contract() -> None:
    def learns(context: Context) -> Finding:
        context.learn("pgvector", version=None, available="0.8.6", installed=None)
        return fails(context)

    probes = [
        Scripted("a", crashes),
        Scripted("b", requires=("a",)),
        Scripted("c", hangs, ladder="valkey", service="valkey"),
        Scripted("d", learns, service="pgvector"),
        Scripted("e", requires=("d",), service="pgvector"),
    ]
    report = run_probes(probes, deadline_s=0.6, tier=None)
    assert {item.status for item in report.findings} >= {Status.UNKNOWN, Status.SKIP, Status.FAIL}
    assert problems(report) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(schema_version="2"),
        lambda d: d.update(status="amber"),
        lambda d: d.pop("summary"),
        lambda d: d["findings"][0].pop("caused_by"),
        lambda d: d["findings"][0].update(code=None),
        lambda d: d["findings"][0].update(remediation=None),
        lambda d: d["services"][0].update(name="pgvector"),
        lambda d: d.update(extra=1),
    ],
)
def test_the_schema_refuses_a_document_that_breaks_the_contract(change: object) -> None:
    document = json.loads(as_json(report_of(*SHAPES["red"])))
    change(document)  # type: ignore[operator]
    assert list(Draft202012Validator(report_schema()).iter_errors(document))


@pytest.mark.parametrize(
    ("shape", "light", "plain", "on_warn"),
    [
        ("green", Light.GREEN, 0, 0),
        ("skip", Light.GREEN, 0, 0),
        ("yellow", Light.YELLOW, 0, 1),
        ("unknown", Light.YELLOW, 0, 1),
        ("red", Light.RED, 2, 2),
    ],
)
def test_light_and_exit_code_follow_the_worst_finding(shape: str, light: Light, plain: int, on_warn: int) -> None:
    report = report_of(*SHAPES[shape])
    assert (report.status, report.exit_code(), report.exit_code("warn")) == (light, plain, on_warn)


def test_the_summary_says_the_root_cause_first_and_how_many_more_there_are() -> None:
    summary = report_of(*SHAPES["red"]).summary()
    assert summary["text"] == "LATIN1. And 1 more."
    assert summary["root_cause"] == "MOS-PG-025"
    assert (summary["fail"], summary["warn"], summary["pass"]) == (1, 1, 0)


def test_no_secret_of_a_finding_leaves_in_any_format() -> None:
    url = "postgresql://mosaic:canary-pw-1@db/mosaic?password=canary-pw-2"
    finding = Finding(Status.FAIL, f"Refused {url}", codes.PG_HEADROOM, Remediation(f"Use {url}", f"psql '{url}'"))
    report = report_of(finding)
    for render in (as_json, as_short, as_text, as_openmetrics):
        assert "canary" not in render(report)
    assert MASK in as_json(report)


def test_short_shows_only_what_wants_attention_with_its_command() -> None:
    text = as_short(report_of(passed("quiet"), WARNING))
    assert "quiet" not in text
    assert text.startswith("YELLOW · tier federated · Keeps nothing.")
    assert "MOS-VK-023 postgres: Keeps nothing." in text
    assert "  $ valkey-cli CONFIG SET appendonly yes" in text


def test_text_shows_every_finding() -> None:
    text = as_text(report_of(passed("quiet"), WARNING))
    assert "ok      postgres   quiet" in text
    assert "WARN    postgres   Keeps nothing. [MOS-VK-023]" in text


def test_openmetrics_has_one_sample_per_label_set_and_ends_with_eof() -> None:
    text = as_openmetrics(report_of(WARNING, WARNING, passed("fine")))
    samples = [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples))
    assert text.endswith("# EOF\n")
    assert 'mosaic_doctor_status{tier="federated",mosaic_doctor_status="yellow"} 1' in text
    assert 'mosaic_doctor_status{tier="federated",mosaic_doctor_status="green"} 0' in text
    assert 'mosaic_doctor_finding{tier="federated",code="MOS-VK-023",service="postgres",status="warn"} 1' in text
    assert 'mosaic_doctor_findings{tier="federated",status="pass"} 1' in text


def test_generated_at_is_utc_with_a_z() -> None:
    report = Report("local", (), (), datetime(2026, 11, 24, 22, 0, tzinfo=UTC), 1)
    assert report.as_dict()["generated_at"] == "2026-11-24T22:00:00.000Z"
