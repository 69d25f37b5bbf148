"""API tokens of the dashboard at a running gateway: scopes, revocation, limits, and a control plane that goes away."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from compose.embedded import EmbeddedPostgres
from tests.control_database import lay_tables
from tests.integration.gateway.conftest import OWNER, REPOSITORY, Gateway, standalone
from tests.servers import MakeDatabase

pytestmark = pytest.mark.integration
MakeGateway = Callable[..., Gateway]
CONTROL_DOWN_S = 12.0  # a read that hangs takes its 5 s to say so


def make_control_plane(gateway: Gateway) -> None:
    """Give this gateway's home a dashboard database with one admin."""
    if "DATABASE_URL" in gateway.environ:
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, env=gateway.environ, cwd=REPOSITORY, timeout=120, check=True)
    else:
        lay_tables(gateway.home)
    assert gateway.run("users", "create", "ada", "--role", "admin", timeout_s=60.0).returncode == 0


def make_token(gateway: Gateway, *scopes: str) -> str:
    chosen = [word for scope in scopes for word in ("--scope", scope)]
    done = gateway.run("tokens", "create", "an agent", *chosen, timeout_s=60.0)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def status_with(gateway: Gateway, token: str, method: str = "GET", **options: Any) -> int:
    return gateway.ask(method, "/v1/tasks", token=token, **options).status_code


def becomes(gateway: Gateway, token: str, status: int, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while status_with(gateway, token) != status:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def is_current(gateway: Gateway) -> bool:
    return bool(gateway.ask("GET", "/control/status").json()["tokens"]["is_current"])


def wait_until_current(gateway: Gateway, wanted: bool) -> None:
    deadline = time.monotonic() + CONTROL_DOWN_S
    while is_current(gateway) is not wanted:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_token_works_for_its_scopes_is_counted_as_used_and_ends_when_revoked(
    make_gateway: MakeGateway, store_url: str
) -> None:
    gateway = make_gateway(standalone(store_url))
    make_control_plane(gateway)
    gateway.start()
    reader = make_token(gateway, "gateway:read")
    writer = make_token(gateway, "gateway:read", "gateway:write")
    stranger = make_token(gateway, "doctor:read")
    assert becomes(gateway, writer, 200)
    body = {"owner_id": OWNER, "title": "by token"}
    refused = gateway.ask("POST", "/v1/tasks", token=reader, json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "MOS-GW-024")
    assert "gateway:write" in refused.json()["error"]["remediation"]
    assert status_with(gateway, writer, "POST", json=body) == 201
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="gateway:write"'
    assert becomes(gateway, stranger, 403)  # it may have been made after the gateway read the others
    stranger_refused = gateway.ask("GET", "/v1/tasks", token=stranger)
    assert 'scope="gateway:read"' in stranger_refused.headers["WWW-Authenticate"]
    assert gateway.ask("POST", "/control/pause", token=writer).status_code == 401
    assert gateway.state() == "serving"
    assert gateway.run("tokens", "revoke", "1", timeout_s=60.0).returncode == 0
    assert becomes(gateway, reader, 401)
    assert status_with(gateway, writer) == 200
    time.sleep(2.5)
    listed = gateway.run("tokens", "list", timeout_s=60.0).stdout.splitlines()
    states = {int(line.split()[0]): ("revoked" in line, "never used" in line) for line in listed}
    assert states == {1: (True, False), 2: (False, False), 3: (False, True)}
    assert not any(raw in " ".join(listed) for raw in (reader, writer, stranger))


def test_tokens_outlive_a_dashboard_that_goes_away_and_a_restart_without_it(
    make_gateway: MakeGateway, store_url: str
) -> None:
    gateway = make_gateway(standalone(store_url))
    make_control_plane(gateway)
    token = make_token(gateway, "gateway:read")
    gateway.start()
    assert becomes(gateway, token, 200)
    (gateway.home / "control.sqlite3").rename(gateway.home / "away")
    gateway.stop()
    gateway.start()
    assert status_with(gateway, token) == 200
    wait_until_current(gateway, False)
    assert status_with(gateway, token) == 200
    (gateway.home / "away").rename(gateway.home / "control.sqlite3")
    wait_until_current(gateway, True)


def test_a_control_plane_on_postgresql_that_is_killed_takes_nothing_down(
    make_gateway: MakeGateway, store_url: str, own_postgres: EmbeddedPostgres
) -> None:
    with psycopg.connect(own_postgres.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE control")
    gateway = make_gateway(standalone(store_url), DATABASE_URL=own_postgres.url_for("control"))
    make_control_plane(gateway)
    token = make_token(gateway, "gateway:read")
    gateway.start()
    assert becomes(gateway, token, 200)
    own_postgres.kill()
    wait_until_current(gateway, False)
    begun = time.monotonic()
    assert status_with(gateway, token) == 200
    assert status_with(gateway, gateway.token) == 200
    assert time.monotonic() - begun < 4.0  # less than a read of the server that is gone
    own_postgres.start()
    wait_until_current(gateway, True)


def test_without_a_dashboard_the_gateways_own_token_is_the_only_one(
    shared_gateway: Gateway, plain_postgres: EmbeddedPostgres, make_database: MakeDatabase
) -> None:
    assert status_with(shared_gateway, "mosaic_unknown") == 401
    assert status_with(shared_gateway, shared_gateway.token) == 200
    assert not (shared_gateway.home / "control.sqlite3").exists()


def test_a_token_that_asks_too_often_is_told_to_wait(make_gateway: MakeGateway, store_url: str) -> None:
    gateway = make_gateway(standalone(store_url), MOSAIC_GATEWAY_RATE="6")
    make_control_plane(gateway)
    token = make_token(gateway, "gateway:read")
    gateway.start()
    assert becomes(gateway, token, 200)
    answers = [gateway.ask("GET", "/v1/tasks", token=token, params={"limit": 1}) for _ in range(7)]
    refused = answers[-1]
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "MOS-GW-026")
    assert 0 < int(refused.headers["Retry-After"]) <= 10
    assert status_with(gateway, gateway.token) == 200
