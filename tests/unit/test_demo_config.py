"""The demo's configuration file: written once, recognised later, moved along with its ports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mosaic_admin.demo import config_file
from mosaic_admin.demo.plan import DemoPlan
from mosaic_admin.env import Environment
from tiers.config import PostgresStorage, resolve_document


def plan_on(tmp_path: Path, **ports: int) -> DemoPlan:
    (tmp_path / "home").mkdir(exist_ok=True)
    settings = {"home": tmp_path / "home", "config": tmp_path / "mosaic.config.json", "valkey_url": "", **ports}
    plan = DemoPlan(Environment(**settings), system_root=tmp_path / "system")  # type: ignore[arg-type]
    plan.role_password(plan.source)
    plan.role_password(plan.federated)
    return plan


@pytest.mark.parametrize("make", [config_file.standalone_document, config_file.federated_document])
def test_the_demos_documents_are_valid_and_hold_no_password(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    plan = plan_on(tmp_path)
    document = make(plan)
    storage = resolve_document(document, base_dir=tmp_path).storage
    assert isinstance(storage, PostgresStorage)
    secrets = [path.read_text() for path in plan.secrets.iterdir()]
    assert any(secret in storage.url for secret in secrets)
    assert not any(secret in json.dumps(document) for secret in secrets)


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    plan = plan_on(tmp_path)
    plan.config_file.write_text("{}")
    assert config_file.write_when_absent(plan) is False
    assert plan.config_file.read_text() == "{}"


def test_the_file_follows_the_servers_to_other_ports(tmp_path: Path) -> None:
    config_file.write_when_absent(plan_on(tmp_path))
    moved = plan_on(tmp_path, source_port=15434, valkey_port=16380)
    assert config_file.follow_ports_in_file(moved) is True
    assert json.loads(moved.config_file.read_text()) == config_file.standalone_document(moved)
    assert config_file.follow_ports_in_file(moved) is False


def test_addresses_of_others_do_not_follow(tmp_path: Path) -> None:
    plan = plan_on(tmp_path, source_port=15434)
    document = {
        "storage": {
            "type": "postgres",
            "url": "postgresql://m@db.example:5434/m",
            "passwordFile": "home/secrets/source-postgres",
        }
    }
    assert config_file.follow_ports(plan, document) == document
    other = {
        "storage": {"type": "postgres", "url": "postgresql://m@127.0.0.1:5434/m", "passwordFile": "/etc/mosaic/pw"}
    }
    assert config_file.follow_ports(plan, other) == other


def test_a_file_is_the_demos_when_its_secrets_are(tmp_path: Path) -> None:
    plan = plan_on(tmp_path)
    config_file.write_when_absent(plan)
    assert config_file.is_ours(plan.config_file, plan.home)
    assert not config_file.is_ours(plan.config_file, tmp_path / "another-home")
    plan.config_file.write_text("no json")
    assert not config_file.is_ours(plan.config_file, plan.home)
