"""A gateway that serves: list, write, pause, resume, lose its lock, stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from compose.embedded import EmbeddedPostgres
from store.ledger import StoreLock, holder_name, lock_holders
from tests.integration.gateway.conftest import OWNER, Gateway, standalone
from tests.stalls import stalls


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Iterator[Gateway]:
    yield shared_gateway
    shared_gateway.ask("POST", "/control/resume")
    shared_gateway.wait_for("serving", 20)


@pytest.fixture
def store_url(shared_url: str) -> str:
    return shared_url


def test_the_token_file_is_private(gateway: Gateway) -> None:
    assert (gateway.home / "keys" / "gateway-token").stat().st_mode & 0o777 == 0o600


def test_pause_lets_go_of_the_lock_and_resume_takes_it_again(gateway: Gateway, store_url: str) -> None:
    with psycopg.connect(store_url, autocommit=True) as connection:
        assert [holder.kind for holder in lock_holders(connection)] == ["gw"]
        assert gateway.run("gateway", "pause").returncode == 0
        assert lock_holders(connection) == []
        refused = gateway.ask("GET", "/v1/tasks")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "MOS-GW-010")
        assert int(refused.headers["Retry-After"]) > 0
        status = json.loads(gateway.run("gateway", "status", "--json").stdout)
        assert status["state"] == "paused"
        assert gateway.run("gateway", "resume").returncode == 0
        assert [holder.kind for holder in lock_holders(connection)] == ["gw"]
    assert gateway.ask("GET", "/v1/tasks").status_code == 200


def test_a_paused_gateway_keeps_no_session_on_the_store(gateway: Gateway, store_url: str) -> None:
    assert gateway.ask("GET", "/v1/tasks").status_code == 200
    gateway.run("gateway", "pause")
    with psycopg.connect(store_url) as connection:
        others = connection.execute(
            "SELECT application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    assert others == []


def test_pause_waits_for_a_request_in_flight(gateway: Gateway, store_url: str) -> None:
    with psycopg.connect(store_url) as blocker:
        blocker.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        slow = _background(lambda: gateway.ask("GET", "/v1/tasks"))
        _until(lambda: gateway.ask("GET", "/control/status").json()["in_flight"] == 1)
        pausing = _background(lambda: gateway.run("gateway", "pause"))
        gateway.wait_for("pausing", 14)
        assert len(lock_holders(blocker)) == 1
        blocker.rollback()
        assert slow().status_code == 200
        assert pausing().returncode == 0
    assert gateway.state() == "paused"


def test_resume_is_refused_while_a_migration_has_the_store(gateway: Gateway, store_url: str) -> None:
    gateway.run("gateway", "pause")
    with StoreLock(store_url, "exclusive", holder_name("mig", epoch=1)):
        refused = gateway.run("gateway", "resume")
        assert refused.returncode == 75, refused.stderr
        assert gateway.ask("GET", "/v1/tasks").status_code == 503
    gateway.wait_for("serving", 20)  # it was asked to serve, and does as soon as it may


def test_a_lost_lock_answers_503_within_5_s_and_recovers(gateway: Gateway, store_url: str) -> None:
    with psycopg.connect(store_url, autocommit=True) as connection:
        migration = StoreLock(store_url, "exclusive", holder_name("mig", epoch=1))
        connection.execute("SELECT pg_terminate_backend(%s)", (lock_holders(connection)[0].backend_pid,))
        migration.acquire(timeout_s=5.0)  # or the gateway would have its lock back at once
        with stalls() as machine:
            begun = time.monotonic()
            _until(lambda: gateway.ask("GET", "/v1/tasks").status_code == 503)
            took = time.monotonic() - begun
        assert took - machine.seconds < 5
        migration.release()
    gateway.wait_for("serving", 20)
    assert gateway.ask("GET", "/v1/tasks").status_code == 200


def test_a_write_is_refused_once_a_migration_has_the_store(gateway: Gateway, store_url: str) -> None:
    """Between losing the lock and noticing it lies a second: writes are fenced by themselves."""
    with psycopg.connect(store_url, autocommit=True) as connection:
        migration = StoreLock(store_url, "exclusive", holder_name("mig", epoch=1))
        connection.execute("SELECT pg_terminate_backend(%s)", (lock_holders(connection)[0].backend_pid,))
        migration.acquire(timeout_s=5.0)
        answer = gateway.ask("POST", "/v1/tasks", json={"owner_id": OWNER, "title": "late"})
        migration.release()
        assert answer.status_code == 503
        assert connection.execute("SELECT count(*) FROM tasks WHERE title = 'late'").fetchone() == (0,)


def test_a_server_that_is_killed_closes_the_gateway_until_it_is_back(
    make_gateway: Callable[..., Gateway], own_postgres: EmbeddedPostgres
) -> None:
    gateway = make_gateway(standalone(own_postgres.url))
    gateway.start()
    own_postgres.kill()
    gateway.wait_for("lost", 5)
    refused = gateway.ask("GET", "/v1/tasks")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "MOS-GW-011")
    own_postgres.start()
    gateway.wait_for("serving", 20)
    assert gateway.ask("GET", "/v1/tasks").status_code == 200


def test_a_server_that_freezes_closes_the_gateway_within_5_s_and_opens_it_again(
    make_gateway: Callable[..., Gateway], own_postgres: EmbeddedPostgres
) -> None:
    """Nothing is closed and nothing answers: only the age of the last confirmation tells."""
    gateway = make_gateway(standalone(own_postgres.url))
    gateway.start()
    with psycopg.connect(own_postgres.url) as connection:
        holder = lock_holders(connection)[0].backend_pid
    frozen = (holder, own_postgres.pid() or 0)
    try:
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        gateway.wait_for("lost", 5)
        assert gateway.ask("GET", "/v1/tasks").status_code == 503
    finally:
        for pid in reversed(frozen):
            os.kill(pid, signal.SIGCONT)
    gateway.wait_for("serving", 20)


def raw(gateway: Gateway, request: bytes) -> tuple[int, dict[str, Any], socket.socket]:
    """Send bytes, and return status, body and the connection, which stays open on our side."""
    link = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
    link.sendall(request)
    with link.makefile("rb") as answer:
        status = int(answer.readline().split()[1])
        headers = dict(line.decode().strip().lower().split(": ", 1) for line in iter(answer.readline, b"\r\n"))
        return status, json.loads(answer.read(int(headers["content-length"]))), link


@pytest.mark.parametrize(
    ("request_line", "status"),
    [(b"GET /v1/tasks?cursor=" + b"x" * 9000, 414), (b"GE(T /v1/tasks", 400)],
)
def test_what_the_server_itself_refuses_has_the_one_error_shape(
    gateway: Gateway, request_line: bytes, status: int
) -> None:
    found, body, link = raw(gateway, request_line + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    link.close()
    assert (found, body["error"]["code"]) == (status, "MOS-GW-025" if status == 414 else "MOS-GW-021")


def test_headers_that_are_too_long_are_refused_in_the_one_error_shape(gateway: Gateway) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"
    found, body, link = raw(gateway, request)
    link.close()
    assert (found, body["error"]["code"]) == (431, "MOS-GW-025")


def test_clients_that_do_not_hang_up_keep_nobody_waiting(gateway: Gateway) -> None:
    """gunicorn waits up to 2 s for each, and would do so in the thread that takes new connections."""
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    links = [raw(gateway, request)[2] for _ in range(6)]
    with stalls() as machine:
        begun = time.monotonic()
        assert gateway.ask("GET", "/healthz").status_code == 200
        took = time.monotonic() - begun
    for link in links:
        link.close()
    assert took - machine.seconds < 1.5


def test_sigterm_stops_it_cleanly_and_frees_the_lock(make_gateway: Callable[..., Gateway], store_url: str) -> None:
    gateway = make_gateway(standalone(store_url))
    gateway.start()
    with psycopg.connect(store_url) as connection:
        before = len(lock_holders(connection))
        assert gateway.stop() == 0
        assert len(lock_holders(connection)) == before - 1
    assert json.loads((gateway.home / "run" / "gateway-state.json").read_text())["state"] == "stopped"


def _until(is_true: Callable[[], bool], within_s: float = 6.0) -> None:
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def _background(call: Callable[[], Any]) -> Callable[[], Any]:
    pool = ThreadPoolExecutor(1)
    future = pool.submit(call)
    pool.shutdown(wait=False)
    return lambda: future.result(30)
