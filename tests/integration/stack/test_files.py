"""The compose files by themselves: what compose makes of them, and the policy they keep. Nothing is started."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from compose.files import BASE, EXAMPLE, OVERLAY, variables
from tests.engine import ComposeStack, missing

FEDERATED = ("postgres-federated", "valkey-federated")


@pytest.fixture(scope="module")
def rendered(engine: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both files with every profile on, as compose understands them, no variable set."""
    stack = ComposeStack(tmp_path_factory.mktemp("rendered"), project="mosaic")
    text = stack.compose("--profile", "*", "config", "--format", "json")
    document: dict[str, Any] = json.loads(text)
    return document


def config(profile: bool, *files: Path) -> dict[str, Any]:
    stack = ComposeStack(Path("/nowhere"), project="mosaic")
    found: dict[str, Any] = json.loads(stack.compose("config", "--format", "json", files=files, profile=profile))
    return found


def services(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return sorted(document["services"].items())


def test_the_overlay_publishes_the_ports_that_people_know(rendered: dict[str, Any]) -> None:
    ports = {name: rendered["services"][name]["ports"] for name in FEDERATED}
    found = {name: [(p["host_ip"], p["published"], p["target"]) for p in ports[name]] for name in FEDERATED}
    assert found == {
        "postgres-federated": [("127.0.0.1", "5433", 5432)],
        "valkey-federated": [("127.0.0.1", "6380", 6379)],
    }


def test_the_overlay_runs_the_images_that_were_promised(rendered: dict[str, Any]) -> None:
    images = {name: rendered["services"][name]["image"] for name in FEDERATED}
    assert images == {"postgres-federated": "pgvector/pgvector:pg17", "valkey-federated": "valkey/valkey:8-alpine"}


def test_every_service_of_the_overlay_stands_behind_the_profile(rendered: dict[str, Any]) -> None:
    assert {name: rendered["services"][name]["profiles"] for name in FEDERATED} == {
        key: ["federated"] for key in FEDERATED
    }


@pytest.mark.usefixtures("engine")
def test_without_the_profile_the_overlay_changes_nothing() -> None:
    assert config(False, BASE, OVERLAY) == config(False, BASE)
    assert set(config(True, BASE, OVERLAY)["services"]) == {*config(False, BASE)["services"], *FEDERATED}


@pytest.mark.usefixtures("engine")
def test_the_overlay_stands_alone_for_a_host_without_the_base() -> None:
    assert set(config(True, OVERLAY)["services"]) == set(FEDERATED)


def test_no_port_is_published_off_loopback(rendered: dict[str, Any]) -> None:
    published = [port["host_ip"] for _, service in services(rendered) for port in service.get("ports", [])]
    assert len(published) >= 4
    assert set(published) == {"127.0.0.1"}


def test_every_image_names_a_version(rendered: dict[str, Any]) -> None:
    for name, service in services(rendered):
        tag = service["image"].partition(":")[2]
        assert re.search(r"\d", tag), f"{name}: {service['image']}"


def test_nothing_is_privileged_and_nobody_reaches_docker(rendered: dict[str, Any]) -> None:
    for name, service in services(rendered):
        text = json.dumps(service)
        assert not service.get("privileged"), name
        assert "docker.sock" not in text, name
        assert "no-new-privileges:true" in service["security_opt"], name
        for forbidden in ("pid", "ipc", "network_mode", "devices", "cap_add", "userns_mode"):
            assert not service.get(forbidden), f"{name}: {forbidden}"


def test_every_service_is_bounded_and_its_root_is_read_only(rendered: dict[str, Any]) -> None:
    for name, service in services(rendered):
        assert int(service["mem_limit"]) > 0, name
        assert int(service["pids_limit"]) > 0, name
        assert service["read_only"] is True, name


def test_every_service_has_a_health_check_with_a_limit(rendered: dict[str, Any]) -> None:
    for name, service in services(rendered):
        check = service["healthcheck"]
        assert {"test", "interval", "timeout", "start_period", "retries"} <= set(check), name


@pytest.mark.parametrize("name", ["postgres-federated", "control-postgres"])
def test_postgres_is_asked_over_tcp_for_its_database(rendered: dict[str, Any], name: str) -> None:
    words = rendered["services"][name]["healthcheck"]["test"]
    assert words[:3] == ["CMD", "pg_isready", "--host=127.0.0.1"]
    assert "--dbname=mosaic" in words


@pytest.mark.parametrize("name", ["postgres-federated", "control-postgres"])
def test_a_volume_carries_the_major_of_its_postgres(rendered: dict[str, Any], name: str) -> None:
    service = rendered["services"][name]
    major = re.search(r":(?:pg)?(\d+)", service["image"])
    assert major is not None
    volume = next(mount for mount in service["volumes"] if mount["type"] == "volume")
    assert f"pg{major[1]}" in volume["source"]
    assert service["environment"]["PGDATA"] == f"{volume['target']}/pg{major[1]}"


def test_data_lies_in_named_volumes(rendered: dict[str, Any]) -> None:
    named = {mount["source"] for _, service in services(rendered) for mount in service.get("volumes", [])}
    assert set(rendered["volumes"]) <= named
    for name in (*FEDERATED, "control-postgres", "control-valkey"):
        kinds = [mount["type"] for mount in rendered["services"][name]["volumes"] if not mount.get("read_only")]
        assert kinds == ["volume"], name


def test_secrets_are_files_and_stand_in_no_environment(rendered: dict[str, Any]) -> None:
    assert all(set(secret) == {"name", "file"} for secret in rendered["secrets"].values())
    for name, service in services(rendered):
        for key, value in (service.get("environment") or {}).items():
            is_secret = re.search(r"password|secret|token|key", key, re.IGNORECASE)
            is_name = key.endswith("_FILE") or value in rendered["secrets"]
            assert not is_secret or is_name, f"{name}: {key}"


def test_every_variable_has_a_sentence_and_its_default(rendered: dict[str, Any]) -> None:
    lines = EXAMPLE.read_text().splitlines()
    explained = {
        line.partition("=")[0]: line.partition("=")[2]
        for before, line in itertools.pairwise(lines)
        if re.match(r"[A-Z_]+=", line) and before.startswith("# ")
    }
    text = BASE.read_text() + OVERLAY.read_text()
    assert set(explained) == variables(text)
    assert len([line for line in lines if re.match(r"[A-Z_]+=", line)]) == len(explained)
    for name, default in re.findall(r"\$\{(\w+):-([^}]*)\}", text):
        assert explained[name] == default, name


def test_in_ci_nothing_of_this_is_skipped() -> None:
    import os

    if os.environ.get("CI"):
        assert missing() is None
