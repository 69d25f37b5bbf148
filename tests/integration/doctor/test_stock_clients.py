"""The doctor as programs use it that know nothing of Mosaic: curl, a step of a CI job, Prometheus' own parser."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.control_plane import ControlPlane, control_plane
from tests.integration.doctor.stores import MakeStore

# A job's step: `sh -e`, so that it ends where the check fails.
STEP = """
curl -fsS -H "Authorization: Bearer $TOKEN" "$URL/api/v1/doctor?fail_on=$FAIL_ON" -o report.json
echo "goes on"
"""


@pytest.fixture
def plane(
    tmp_path: Path,
    postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    control_valkey: EmbeddedValkey,
    make_store: MakeStore,
) -> Iterator[ControlPlane]:
    config = tmp_path / "mosaic.config.json"
    document = {
        "version": 1,
        "tier": "federated",
        "storage": {"type": "postgres", "url": make_store(postgres), "enableVector": True},
        "queue": {"type": "bullmq", "url": valkey.url},
        "memory": {"type": "pgvector"},
    }
    config.write_text(json.dumps(document))
    with control_plane(tmp_path / "home", config, control_valkey.url, MOSAIC_DOCTOR_SHARE_S="0") as made:
        made.start_web()
        yield made


def break_it(plane: ControlPlane, *, only_a_warning: bool) -> None:
    document = json.loads(plane.config.read_text())
    if only_a_warning:
        document |= {"tier": "team", "memory": {"type": "keyword"}}
        document["storage"]["enableVector"] = False
    else:
        document["queue"]["url"] = "redis://127.0.0.1:1/0"
    plane.config.write_text(json.dumps(document))


def step(plane: ControlPlane, folder: Path, fail_on: str = "fail") -> subprocess.CompletedProcess[str]:
    environment = {**plane.environment, "URL": plane.url, "TOKEN": plane.token, "FAIL_ON": fail_on, "NO_PROXY": "*"}
    return subprocess.run(
        ["sh", "-e", "-c", STEP], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def test_curl_in_a_job_goes_on_when_green_and_stops_when_red(plane: ControlPlane, tmp_path: Path) -> None:
    green = step(plane, tmp_path)
    assert (green.returncode, green.stdout) == (0, "goes on\n"), green.stderr
    assert json.loads((tmp_path / "report.json").read_text())["status"] == "green"
    break_it(plane, only_a_warning=False)
    red = step(plane, tmp_path)
    assert (red.returncode, red.stdout) == (22, ""), "22: curl -f met an HTTP error"
    assert "503" in red.stderr


def test_a_warning_stops_a_job_only_if_it_asked_for_that(plane: ControlPlane, tmp_path: Path) -> None:
    break_it(plane, only_a_warning=True)
    assert step(plane, tmp_path).returncode == 0
    assert step(plane, tmp_path, "warn").returncode == 22


def test_the_metrics_are_read_by_prometheus_own_parser(plane: ControlPlane) -> None:
    families = metrics(plane)
    assert families["mosaic_doctor_status"].type == "stateset"
    assert [
        sample.labels["mosaic_doctor_status"] for sample in families["mosaic_doctor_status"].samples if sample.value
    ] == ["green"]
    up = {sample.labels["service"]: sample.value for sample in families["mosaic_doctor_service_up"].samples}
    assert (up["postgres"], up["pgvector"], up["valkey"]) == (1, 1, 1)
    break_it(plane, only_a_warning=False)
    codes = {sample.labels["code"] for sample in metrics(plane)["mosaic_doctor_finding"].samples}
    assert codes == {"MOS-VK-002"}


def metrics(plane: ControlPlane) -> dict[str, Any]:
    answer = plane.get("/api/v1/doctor/metrics")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "application/openmetrics-text")
    return {family.name: family for family in text_string_to_metric_families(answer.text)}
