"""One contract, two runtimes: containers on a real engine, and processes of this host."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import redis

from compose.embedded.federated import federated_stack
from compose.runtime import POSTGRES, SERVICES, VALKEY, Runtime, ServiceState
from mosaic_admin.errors import MosaicError
from tests import environment
from tests.engine import free_ports, removed_afterwards


@dataclass
class Subject:
    """A runtime that was never started, and where its servers are to be reached."""

    runtime: Runtime
    home: Path
    ports: dict[str, int]

    def secret(self, name: str) -> str:
        return quote((self.home / "secrets" / name).read_text().strip(), safe="")

    def query(self, statement: str) -> object:
        url = f"postgresql://mosaic:{self.secret('federated-postgres')}@127.0.0.1:{self.ports['MOSAIC_POSTGRES_PORT']}"
        with psycopg.connect(f"{url}/mosaic", autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchone() if cursor.description else None

    @property
    def queue(self) -> redis.Redis:
        password = self.secret("federated-valkey")
        return redis.Redis.from_url(f"redis://:{password}@127.0.0.1:{self.ports['MOSAIC_VALKEY_PORT']}/0")


@pytest.fixture(scope="module", params=["docker", "embedded"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    folder = environment.ROOT / f"runtime-{request.param}"
    if request.param == "docker":
        request.getfixturevalue("engine")
        with removed_afterwards(folder) as stack:
            yield Subject(stack.runtime, stack.folder, stack.ports)
        return
    folder.mkdir(mode=0o711)
    ports = free_ports()
    runtime = federated_stack(
        folder,
        postgres_port=ports["MOSAIC_POSTGRES_PORT"],
        valkey_port=ports["MOSAIC_VALKEY_PORT"],
        system_root=folder / "system",
    )
    yield Subject(runtime, folder, ports)
    runtime.down(lambda _: None)


@pytest.fixture
def running(subject: Subject) -> Subject:
    subject.runtime.up(lambda _: None)
    return subject


def states(runtime: Runtime) -> dict[str, ServiceState]:
    return {service.name: service.state for service in runtime.status().services}


def test_up_makes_both_services_healthy_and_says_so(subject: Subject) -> None:
    subject.runtime.down(lambda _: None)
    said: list[str] = []
    subject.runtime.up(said.append)
    assert states(subject.runtime) == dict.fromkeys(SERVICES, ServiceState.HEALTHY)
    assert subject.runtime.status().is_healthy
    assert any(POSTGRES in line for line in said)
    subject.runtime.up(said.append)  # idempotent
    assert subject.runtime.status().healthy_count == 2


def test_the_role_is_no_superuser_and_vectors_work(running: Subject) -> None:
    assert running.query("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user") == (False, True)
    assert running.query("SELECT '[1,2]'::vector <-> '[1,4]'::vector") == (2.0,)
    assert running.query("CREATE TABLE IF NOT EXISTS made (n int)") is None


def test_the_queue_keeps_every_key_and_writes_it_down(running: Subject) -> None:
    assert running.queue.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert running.queue.config_get("appendonly") == {"appendonly": "yes"}


def test_data_outlives_down_and_up(running: Subject) -> None:
    running.query("CREATE TABLE IF NOT EXISTS kept AS SELECT 'a row' AS text")
    running.queue.set("kept", "a job")
    volumes = {volume.name for volume in running.runtime.status().volumes}
    running.runtime.down(lambda _: None)
    assert not running.runtime.status().is_up
    assert {volume.name for volume in running.runtime.status().volumes} == volumes
    running.runtime.up(lambda _: None)
    assert running.query("SELECT text FROM kept") == ("a row",)
    assert running.queue.get("kept") == b"a job"


def test_every_service_has_its_volume_image_and_loopback_port(running: Subject) -> None:
    status = running.runtime.status()
    for service, setting in zip(status.services, ("MOSAIC_POSTGRES_PORT", "MOSAIC_VALKEY_PORT"), strict=True):
        assert service.image
        assert service.endpoint == f"127.0.0.1:{running.ports[setting]}"
        assert [volume.name for volume in status.volumes if service.name in volume.used_by] == list(service.volumes)


def test_a_restart_of_one_service_leaves_the_other_alone(running: Subject) -> None:
    before = {service.name: service.pid for service in running.runtime.status().services}
    running.runtime.restart(VALKEY, lambda _: None)
    after = {service.name: service.pid for service in running.runtime.status().services}
    assert after[POSTGRES] == before[POSTGRES]
    assert after[VALKEY] != before[VALKEY]
    assert running.runtime.status().is_healthy


def test_status_names_every_service_also_when_nothing_runs(running: Subject) -> None:
    running.runtime.down(lambda _: None)
    running.runtime.down(lambda _: None)  # idempotent
    found = states(running.runtime)
    assert set(found) == set(SERVICES)
    assert not any(state.is_up for state in found.values())
    with pytest.raises(MosaicError) as caught:
        running.runtime.restart(None, lambda _: None)
    assert caught.value.code.id == "MOS-STK-017"


def test_logs_hold_the_servers_own_words(running: Subject) -> None:
    lines = running.runtime.logs(POSTGRES, tail=50)
    assert any("database system is ready to accept connections" in line.text for line in lines)
    assert 0 < len(running.runtime.logs(VALKEY, tail=3)) <= 3


def test_the_configuration_names_both_services_and_no_secret(running: Subject) -> None:
    text = running.runtime.config()
    assert all(name in text for name in SERVICES)
    for file in (running.home / "secrets").iterdir():
        assert file.read_text().strip() not in text


def test_secrets_lie_in_a_closed_folder(running: Subject) -> None:
    folder = running.home / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {"federated-postgres", "federated-postgres-superuser", "federated-valkey"} <= set(os.listdir(folder))


def test_a_password_that_is_a_word_of_the_engine_breaks_no_status(
    running: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mosaic_admin import redaction

    monkeypatch.setattr(redaction, "_known", {"healthy", "running", "postgres", "postgres-federated", "database"})
    assert states(running.runtime) == dict.fromkeys(SERVICES, ServiceState.HEALTHY)
    assert all("database" not in line.text for line in running.runtime.logs(POSTGRES, tail=50))
