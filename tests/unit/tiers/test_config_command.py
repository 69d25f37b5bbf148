"""`mosaic config`, as a person or a script runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import tiers
from mosaic_admin.audit.models import AuditEvent
from mosaic_admin.cli import mosaic
from mosaic_admin.cli.config import command
from mosaic_admin.errors import MosaicError
from tiers import services

TEAM = """{
    "version": 1,   "tier" : "team",
    "storage": {"type": "postgres", "url": "postgresql://u:inline-secret@h:5432/d"},
    "queue": {"type": "local"}, "memory": {"type": "keyword"}
}
"""


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(command, [str(arg) for arg in args])


def write(folder: Path, content: str | dict[str, Any]) -> Path:
    file = folder / "mosaic.config.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_validate_says_what_a_good_file_is(tmp_path: Path) -> None:
    result = run("validate", write(tmp_path, tiers.DEFAULT_LOCAL_CONFIG))
    assert result.exit_code == 0
    assert "is valid: tier local" in result.stdout


def test_validate_ends_with_78_and_names_every_problem(tmp_path: Path) -> None:
    file = write(tmp_path, {**tiers.DEFAULT_LOCAL_CONFIG, "tier": "lokal", "teir": 1})
    result = run("validate", file)
    assert result.exit_code == 78
    assert 'tier: is not one of "local", "standalone" or "federated". Did you mean "local"?' in result.stderr
    assert 'teir: is not a known key. Did you mean "tier"?' in result.stderr
    assert result.stderr.count("Fix: ") == 2


def test_validate_json_is_json_alone_with_the_same_exit_code(tmp_path: Path) -> None:
    result = run("validate", "--json", write(tmp_path, {**tiers.DEFAULT_LOCAL_CONFIG, "tier": "lokal"}))
    body = json.loads(result.stdout)
    assert (result.exit_code, body["valid"], result.stderr) == (78, False, "")
    assert [set(problem) for problem in body["problems"]] == [{"path", "reason", "remedy"}]


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_validate_of_a_missing_file_is_78(tmp_path: Path, as_json: list[str]) -> None:
    result = run("validate", *as_json, tmp_path / "nope.json")
    assert result.exit_code == 78
    assert "does not exist" in result.output


def test_show_masks_secrets_and_names_sources(tmp_path: Path) -> None:
    result = run("show", write(tmp_path, TEAM))
    assert "postgresql://u:•••@h:5432/d" in result.stdout
    assert "inline-secret" not in result.output
    assert "MOS-CFG-011" in result.stderr


def test_show_json_has_path_value_source(tmp_path: Path) -> None:
    body = json.loads(run("show", "--json", write(tmp_path, TEAM)).stdout)
    assert {"path": "storage.enableVector", "value": "false", "source": "default"} in body["values"]


def test_schema_prints_the_published_schema() -> None:
    assert json.loads(run("schema").stdout)["$schema"].endswith("2020-12/schema")


def test_upgrade_shows_the_change_and_keeps_the_formatting(tmp_path: Path) -> None:
    file = write(tmp_path, TEAM)
    file.chmod(0o640)
    result = run("upgrade", "--yes", file)
    assert '-    "version": 1,   "tier" : "team",' in result.stdout
    assert '+    "version": 1,   "tier" : "standalone",' in result.stdout
    assert "inline-secret" not in result.output
    assert file.read_text() == TEAM.replace('"team"', '"standalone"')
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["mosaic.config.json"]


def test_upgrade_without_yes_and_nobody_to_ask_changes_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, TEAM)
    result = run("upgrade", file)
    assert isinstance(result.exception, MosaicError)
    assert result.exception.exit_code == 3
    assert file.read_text() == TEAM


def test_upgrade_adds_a_missing_version(tmp_path: Path) -> None:
    file = write(tmp_path, '{\n  "tier": "team"\n}\n')
    run("upgrade", "--yes", file)
    assert file.read_text() == '{\n  "version": 1,\n  "tier": "standalone"\n}\n'


def test_upgrade_is_not_fooled_by_the_words_inside_a_value(tmp_path: Path) -> None:
    file = write(
        tmp_path, r'{"version": 1, "$schema": "\"tier\": \"team\"", "storage": {"tier": "team"}, "tier": "team"}'
    )
    run("upgrade", "--yes", file)
    document = json.loads(file.read_text())
    assert (document["tier"], document["storage"]["tier"]) == ("standalone", "team")


def test_upgrade_of_a_modern_file_does_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, tiers.DEFAULT_LOCAL_CONFIG)
    before = file.stat().st_mtime_ns
    assert "nothing to do" in run("upgrade", "--yes", file).stdout
    assert file.stat().st_mtime_ns == before


def test_the_group_is_known_to_the_command_line() -> None:
    assert "validate" in CliRunner().invoke(mosaic, ["config", "--help"]).output


@pytest.fixture
def prepared(db: None, config_file: Path) -> Path:
    services.create_config(name="home lab", document=tiers.DEFAULT_LOCAL_CONFIG)
    return config_file


def test_activate_shows_the_change_and_writes_it(prepared: Path) -> None:
    result = run("activate", "home lab", "--why", "laptop", "--yes")
    assert result.exit_code == 0, result.output
    assert '+   "tier": "local",' in result.stdout
    assert "is written from “home lab”, revision 1." in result.stdout
    assert json.loads(prepared.read_text()) == tiers.DEFAULT_LOCAL_CONFIG
    noted = AuditEvent.objects.get(action="configuration.activate")
    assert (noted.channel, noted.why) == ("command", "laptop")


def test_activate_takes_the_number_too(prepared: Path) -> None:
    assert run("activate", str(services.all_configs()[0].pk), "--yes").exit_code == 0


def test_activate_with_nobody_to_ask_changes_nothing(prepared: Path) -> None:
    result = run("activate", "home lab")
    assert isinstance(result.exception, MosaicError)
    assert (result.exception.exit_code, result.exception.code.id) == (3, "MOS-CFG-007")
    assert "mosaic config activate 'home lab' --yes" in result.exception.remediation
    assert not prepared.exists()


@pytest.mark.usefixtures("prepared")
def test_activate_of_an_unknown_name_lists_the_known_ones() -> None:
    result = run("activate", "nope", "--yes")
    assert isinstance(result.exception, MosaicError)
    assert "home lab" in result.exception.remediation


def test_upgrade_keeps_remarks_and_the_place_of_everything(tmp_path: Path) -> None:
    text = TEAM.replace("{\n", '{\n    "$comment": "kept: \\"tier\\": \\"team\\" was the old word",\n', 1)
    file = write(tmp_path, text)
    run("upgrade", "--yes", file)
    assert file.read_text() == text.replace('"tier" : "team"', '"tier" : "standalone"')
