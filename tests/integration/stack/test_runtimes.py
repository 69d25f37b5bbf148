"""One contract, two runtimes: containers on a real engine, and processes of this host."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import redis

from compose import rotation
from compose.embedded.federated import federated_stack
from compose.runtime import POSTGRES, SERVICES, VALKEY, Runtime, ServiceState
from mosaic_admin.errors import MosaicError
from tests import environment
from tests.engine import free_ports, removed_afterwards


@dataclass
class Subject:
    """A runtime that was never started, and where its servers are to be reached."""

    make: Callable[[], Runtime]
    home: Path
    ports: dict[str, int]
    runtime: Runtime = field(init=False)

    def __post_init__(self) -> None:
        self.runtime = self.make()
        self.kept = [self.runtime]

    @property
    def fresh(self) -> Runtime:
        """The runtime as the next command makes it: it has read the password files again."""
        self.runtime = self.make()
        self.kept.append(self.runtime)  # it holds the processes that it started
        return self.runtime

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
            yield Subject(lambda: stack.runtime, stack.folder, stack.ports)
        return
    folder.mkdir(mode=0o711)
    ports = free_ports()
    numbers = {"postgres_port": ports["MOSAIC_POSTGRES_PORT"], "valkey_port": ports["MOSAIC_VALKEY_PORT"]}
    made = Subject(lambda: federated_stack(folder, system_root=folder / "system", **numbers), folder, ports)
    yield made
    for runtime in made.kept:
        runtime.down(lambda _: None)


@pytest.fixture
def running(subject: Subject) -> Subject:
    subject.fresh.up(lambda _: None)
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
    volumes = {(volume.name, volume.made_at) for volume in running.runtime.status().volumes}
    assert any(made_at for _, made_at in volumes)
    running.runtime.down(lambda _: None)
    assert not running.runtime.status().is_up
    assert {(volume.name, volume.made_at) for volume in running.runtime.status().volumes} == volumes
    running.runtime.up(lambda _: None)
    assert {(volume.name, volume.made_at) for volume in running.runtime.status().volumes} == volumes
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


def sign_ins(subject: Subject) -> dict[str, str]:
    return {name: subject.secret(name) for name in ("federated-postgres", "federated-postgres-superuser")} | {
        "federated-valkey": subject.secret("federated-valkey")
    }


def test_new_passwords_reach_both_sides_and_outlive_a_restart(running: Subject) -> None:
    before = sign_ins(running)
    port = running.ports["MOSAIC_POSTGRES_PORT"]
    said: list[str] = []
    with psycopg.connect(f"postgresql://mosaic:{before['federated-postgres']}@127.0.0.1:{port}/mosaic") as open_session:
        running.runtime.rotate(said.append)
        assert open_session.execute("SELECT 1").fetchone() == (1,)  # it goes on
    after = sign_ins(running)
    assert all(after[name] != before[name] for name in before)
    assert running.query("SELECT 1") == (1,)
    assert running.queue.ping()
    for user, name in (("mosaic", "federated-postgres"), ("admin", "federated-postgres-superuser")):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"postgresql://{user}:{before[name]}@127.0.0.1:{port}/postgres")
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis.from_url(
            f"redis://:{before['federated-valkey']}@127.0.0.1:{running.ports['MOSAIC_VALKEY_PORT']}/0"
        ).ping()
    assert not any(secret in line for line in said for secret in (*before.values(), *after.values()))
    log = " ".join(line.text for line in running.runtime.logs(POSTGRES, tail=200))
    assert not any(secret in log for secret in (*before.values(), *after.values()))
    running.fresh.restart(None, lambda _: None)
    assert running.query("SELECT 1") == (1,)
    assert running.queue.ping()


@pytest.mark.parametrize("step", ["_change_postgres", "_change_valkey", "_change_files", "_prove"])
def test_a_rotation_that_is_cut_short_is_finished_by_the_next(
    running: Subject, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = sign_ins(running)
    work = getattr(rotation.Rotation, step)

    def cut_after(self: rotation.Rotation) -> None:
        work(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rotation.Rotation, step, cut_after if step != "_prove" else _interrupt)
        with pytest.raises(KeyboardInterrupt):
            running.fresh.rotate(lambda _: None)
    assert rotation.is_unfinished(running.home / "secrets")
    running.fresh.rotate(lambda _: None)
    assert not rotation.is_unfinished(running.home / "secrets")
    assert all(sign_ins(running)[name] != before[name] for name in before)
    assert running.query("SELECT 1") == (1,)
    assert running.queue.ping()


def _interrupt(self: rotation.Rotation) -> None:
    raise KeyboardInterrupt


def test_no_password_changes_under_a_running_migration(running: Subject) -> None:
    before = sign_ins(running)
    port = running.ports["MOSAIC_POSTGRES_PORT"]
    url = f"postgresql://mosaic:{before['federated-postgres']}@127.0.0.1:{port}/mosaic"
    with psycopg.connect(url, application_name="mosaic-mig host:1:1"), pytest.raises(MosaicError) as caught:
        running.runtime.rotate(lambda _: None)
    assert caught.value.code.id == "MOS-STK-025"
    assert sign_ins(running) == before
