"""`mosaic doctor` as a script meets it: a process, its stdout, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from doctor.schema import report_schema
from tests.integration.doctor.conftest import WriteConfig, closed_port
from tests.integration.doctor.stores import MakeStore
from tests.servers import MakeDatabase


def mosaic(*args: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    values = {**os.environ, "MOSAIC_HOME": str(home / "home"), **environment}
    command = [sys.executable, "-m", "mosaic_admin", *args]
    return subprocess.run(command, capture_output=True, text=True, env=values, timeout=60, check=False)


def report_in(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(result.stdout)
    Draft202012Validator(report_schema()).validate(document)
    return document


def test_green_exits_0_and_prints_json_and_nothing_else(
    postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    make_store: MakeStore,
    write_config: WriteConfig,
    tmp_path: Path,
) -> None:
    path = write_config(make_store(postgres), valkey.url)
    result = mosaic("doctor", "--json", "--config", str(path), home=tmp_path)
    assert (result.returncode, report_in(result)["status"]) == (0, "green")
    assert not (tmp_path / "home").exists(), "the command needs no control plane and makes none"


@pytest.mark.parametrize("form", ["--json", "--short", "--openmetrics", None])
def test_red_exits_2_in_every_format_and_no_format_shows_the_password(
    form: str | None, write_config: WriteConfig, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    with closed_port() as port:
        path = write_config(f"postgresql://mosaic:canary-pw-77@127.0.0.1:{port}/mosaic", valkey.url)
        words = ["doctor", *([form] if form else []), "--config", str(path)]
        result = mosaic(*words, home=tmp_path)
    assert result.returncode == 2
    assert "MOS-PG-002" in result.stdout
    assert "canary" not in result.stdout + result.stderr


def test_yellow_exits_0_and_1_when_asked_to_fail_on_warnings(
    postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    make_store: MakeStore,
    write_config: WriteConfig,
    tmp_path: Path,
) -> None:
    path = write_config(make_store(postgres), valkey.url, tier="standalone")
    path.write_text(path.read_text().replace('"standalone"', '"team"'))
    plain = mosaic("doctor", "--json", "--config", str(path), home=tmp_path)
    strict = mosaic("doctor", "--json", "--fail-on", "warn", "--config", str(path), home=tmp_path)
    assert (plain.returncode, strict.returncode) == (0, 1)
    report = report_in(plain)
    assert (report["status"], report["tier"]) == ("yellow", "standalone")
    assert report["findings"][0]["code"] == "MOS-CFG-011"


@pytest.mark.parametrize("content", ["{", '{"version": 1, "tier": "federated", "secret": "canary-x1"}', "", "[]"])
def test_a_malformed_config_is_a_red_report_in_json_not_a_traceback(content: str, tmp_path: Path) -> None:
    path = tmp_path / "mosaic.config.json"
    path.write_text(content)
    result = mosaic("doctor", "--json", "--config", str(path), home=tmp_path)
    report = report_in(result)
    assert (result.returncode, report["status"]) == (2, "red")
    assert {item["code"] for item in report["findings"]} == {"MOS-CFG-001"}
    assert "canary" not in result.stdout + result.stderr


def test_a_missing_config_is_a_red_report_too(tmp_path: Path) -> None:
    result = mosaic("doctor", "--json", home=tmp_path, MOSAIC_CONFIG=str(tmp_path / "none.json"))
    report = report_in(result)
    assert (result.returncode, report["tier"]) == (2, None)
    assert report["findings"][0]["code"] == "MOS-CFG-002"


def test_a_bad_environment_variable_still_gives_json(tmp_path: Path) -> None:
    result = mosaic("doctor", "--json", home=tmp_path, MOSAIC_WEB_PORT="many")
    report = report_in(result)
    assert (result.returncode, report["findings"][0]["code"]) == (2, "MOS-ENV-001")
    assert "MOSAIC_WEB_PORT" in result.stderr


def test_another_tier_is_asked_with_this_installs_ports_and_secret_files(
    plain_postgres: EmbeddedPostgres,
    postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    make_database: MakeDatabase,
    write_config: WriteConfig,
    tmp_path: Path,
) -> None:
    path = write_config(make_database(plain_postgres), valkey.url, tier="standalone")
    secrets = tmp_path / "home" / "secrets"
    secrets.mkdir(parents=True)
    for name in ("federated-postgres", "federated-valkey"):
        (secrets / name).write_text("not-the-password")
        (secrets / name).chmod(0o600)
    result = mosaic(
        "doctor",
        *("--json", "--tier", "federated", "--config", str(path)),
        home=tmp_path,
        MOSAIC_POSTGRES_PORT=str(postgres.port),
        MOSAIC_VALKEY_PORT=str(valkey.port),
    )
    report = report_in(result)
    assert (result.returncode, report["tier"]) == (2, "federated")
    assert {item["code"] for item in report["findings"] if item["code"]} == {"MOS-PG-005", "MOS-VK-005"}
