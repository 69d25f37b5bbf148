"""The demo while it runs."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat

import psycopg

from compose.embedded.process import wait_until
from mosaic_admin.codes import ExitCode
from tests.demo import Demo


def test_secrets_belong_to_their_owner_and_stand_in_no_log(demo: Demo) -> None:
    assert stat.S_IMODE(demo.home.stat().st_mode) == 0o700
    secrets = [*(demo.home / "secrets").iterdir(), demo.home / "admin-password"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    said = demo.output + demo.log_tails() + demo.config_file.read_text()
    assert not [path.name for path in secrets if path.read_text().strip() in said]


def test_only_the_federated_store_has_pgvector(demo: Demo) -> None:
    def extensions(port_name: str, secret: str) -> list[str]:
        password = (demo.home / "secrets" / secret).read_text()
        with psycopg.connect(
            host="127.0.0.1", port=demo.ports[port_name], user="mosaic", dbname="mosaic", password=password
        ) as connection:
            return [row[0] for row in connection.execute("SELECT extname FROM pg_extension ORDER BY 1")]

    assert "vector" in extensions("MOSAIC_POSTGRES_PORT", "federated-postgres")
    assert "vector" not in extensions("MOSAIC_SOURCE_PORT", "source-postgres")


def test_the_sample_store_is_filled_and_its_configuration_is_valid(demo: Demo) -> None:
    password = (demo.home / "secrets" / "source-postgres").read_text()
    with psycopg.connect(
        host="127.0.0.1", port=demo.ports["MOSAIC_SOURCE_PORT"], user="mosaic", dbname="mosaic", password=password
    ) as connection:
        rows = connection.execute("SELECT count(*) FROM messages").fetchone()
    assert rows is not None
    assert rows[0] > 100
    checked = demo.mosaic("config", "validate")
    assert checked.returncode == 0, checked.stderr


def test_the_dashboard_knows_both_tiers_and_has_the_sample_active(demo: Demo) -> None:
    with sqlite3.connect(demo.home / "control.sqlite3") as connection:
        rows = connection.execute("SELECT name, is_active FROM tiers_tierconfig").fetchall()
    connection.close()
    assert {("federated", 0), ("standalone", 1)} <= set(
        rows
    )  # other tests of this demo add configurations of their own


def test_a_second_demo_on_the_same_home_is_refused_naming_the_first(demo: Demo) -> None:
    assert demo.process is not None
    refused = demo.mosaic("demo")
    assert refused.returncode == ExitCode.BUSY
    assert refused.stderr.startswith("MOS-STK-005 ")
    assert f"(pid {demo.process.pid})" in refused.stderr
    assert demo.status_of("/healthz") == 200


def test_clean_is_refused_while_the_demo_runs(demo: Demo) -> None:
    refused = demo.mosaic("demo", "--clean")
    assert refused.returncode == ExitCode.BUSY
    assert demo.status_of("/healthz") == 200


def test_a_killed_beat_is_named_and_started_again(demo: Demo) -> None:
    first = demo.pid("beat")
    os.kill(first, signal.SIGKILL)
    path = demo.home / "run" / "beat.pid"
    assert wait_until(lambda: path.exists() and path.read_text().strip() not in ("", str(first)), 15)
    assert "beat ended (killed by SIGKILL)" in demo.output


def test_a_killed_server_is_named_and_started_again(demo: Demo) -> None:
    path = demo.home / "valkey" / "federated" / "valkey.pid"
    first = path.read_text()
    os.kill(int(first), signal.SIGKILL)
    assert wait_until(lambda: path.exists() and path.read_text() not in ("", first), 15)
    assert "valkey-federated is down" in demo.output
