"""`make run` as its user meets it: start, kill, start again, stop, clean, and everything it refuses."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.embedded.process import is_alive, marked, wait_until
from compose.embedded.supervisor import marker_of
from mosaic_admin.codes import ExitCode
from tests.demo import Demo


@pytest.fixture
def own_demo(tmp_path: Path) -> Iterator[Demo]:
    tmp_path.chmod(0o711)
    item = Demo(tmp_path)
    yield item
    item.clean()


def server_pids(demo: Demo) -> list[int]:
    files = [*demo.home.glob("pg/*/postmaster.pid"), *demo.home.glob("valkey/*/valkey.pid")]
    return sorted(int(path.read_text().split()[0]) for path in files)


def test_a_killed_demo_is_taken_over_by_the_next_start_and_stops_without_a_trace(own_demo: Demo) -> None:
    own_demo.start()
    password = own_demo.password
    servers, orphans = server_pids(own_demo), list(marked(marker_of(own_demo.home)))
    assert len(servers) == 4
    assert len(orphans) >= 4
    assert own_demo.process is not None
    own_demo.process.kill()
    own_demo.process.wait()
    assert all(map(is_alive, servers))

    own_demo.start()
    assert server_pids(own_demo) == servers
    assert not any(map(is_alive, orphans))
    assert own_demo.output.count("was running already") == 4
    assert own_demo.password == password
    assert own_demo.status_of("/healthz") == 200

    everything = [*servers, *marked(marker_of(own_demo.home))]
    assert own_demo.stop() == 0
    assert wait_until(lambda: not any(map(is_alive, everything)), 5)
    assert "the data is kept" in own_demo.output

    data = [path.resolve() for path in (own_demo.home / "pg").iterdir()]
    (own_demo.home / "mine.txt").write_text("not the demo's")
    done = own_demo.mosaic("demo", "--clean")
    assert done.returncode == 0, done.stderr
    assert not any(path.exists() for path in data)
    assert [path.name for path in own_demo.home.iterdir()] == ["mine.txt"]
    assert not own_demo.config_file.exists()


def test_a_taken_port_is_refused_before_anything_starts(own_demo: Demo) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", own_demo.ports["MOSAIC_SOURCE_PORT"]))
        holder.listen()
        refused = own_demo.mosaic("demo")
    assert refused.returncode == ExitCode.CONFIG
    assert refused.stderr.startswith("MOS-ENV-003 ")
    assert f"{own_demo.ports['MOSAIC_SOURCE_PORT']} for the source PostgreSQL (MOSAIC_SOURCE_PORT)" in refused.stderr
    assert "Fix: " in refused.stderr
    assert server_pids(own_demo) == []


def test_clean_keeps_a_configuration_that_is_not_the_demos(own_demo: Demo) -> None:
    own_demo.config_file.write_text('{"version": 1, "tier": "local"}')
    own_demo.home.mkdir()
    done = own_demo.mosaic("demo", "--clean")
    assert done.returncode == 0, done.stderr
    assert own_demo.config_file.exists()
    assert "Kept" in done.stdout
    assert not own_demo.home.exists()


def test_a_home_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = Demo(tmp_path / "file").mosaic("demo")
    assert refused.returncode == ExitCode.CONFIG
    assert refused.stderr.startswith("MOS-ENV-004 ")
    assert str(tmp_path / "file" / "home") in refused.stderr
