"""Every way a service can be wrong at boot, on the real server that is wrong in that way."""

from __future__ import annotations

import os
import re
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import redis
from psycopg import sql

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from compose.embedded.ports import free_port, is_free
from compose.embedded.process import wait_until
from gateway.gate import decide
from store.ledger import create_ledger
from tests import environment
from tests.integration.gateway.conftest import federated, prepare, standalone, with_port
from tests.integration.gateway.refusals import (
    CANARY,
    DECISION_S,
    MakeGateway,
    assert_refused,
    with_password,
)
from tests.old_postgres import StartPostgres
from tests.servers import FAST, MakeDatabase, start_valkey

pytestmark = pytest.mark.integration
SLACK_S = 3.0  # by so much do two starts of Python differ on a loaded machine; `bench.boot` has the exact figures
SLOW_TO_LOAD = ("--key-load-delay", "15000", "--loading-process-events-interval-bytes", "1024")  # µs a key


@pytest.fixture(scope="module")
def vector_store(postgres: EmbeddedPostgres, django_db_blocker: Any) -> Iterator[str]:
    """A federated store that is whole: what a test takes away is then the only thing missing."""
    name = f"whole_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        with django_db_blocker.unblock():
            prepare(postgres.url_for(name), vector=True)
        yield postgres.url_for(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def valkey_queue(url: str) -> dict[str, str]:
    return {"type": "bullmq", "url": url}


# --- PostgreSQL and pgvector ---


def test_an_unknown_host_is_refused(make_gateway: MakeGateway, store_url: str) -> None:
    url = with_password(store_url, CANARY).replace("@127.0.0.1:", "@nowhere.invalid:")
    assert_refused(make_gateway(standalone(url)), 69, "MOS-PG-001")


@pytest.mark.parametrize(("tier", "major"), [("standalone", 13), ("federated", 16)])
def test_a_server_that_is_too_old_for_its_tier_is_refused(
    make_gateway: MakeGateway, old_postgres: StartPostgres, valkey: EmbeddedValkey, tier: str, major: int
) -> None:
    url = old_postgres(major).url
    document = standalone(url) if tier == "standalone" else federated(url, valkey.url)
    facts = assert_refused(make_gateway(document), 76, "MOS-PG-021")
    assert f"PostgreSQL {major}." in facts["found"]
    assert str(14 if tier == "standalone" else 17) in facts["expected"]


def test_a_library_that_is_broken_is_refused(
    make_gateway: MakeGateway, broken_postgres: EmbeddedPostgres, make_database: MakeDatabase, valkey: EmbeddedValkey
) -> None:
    assert_refused(make_gateway(federated(make_database(broken_postgres), valkey.url)), 76, "MOS-PGV-004")


def test_an_extension_that_the_role_may_not_enable_is_refused(
    make_gateway: MakeGateway, postgres: EmbeddedPostgres, make_database: MakeDatabase, valkey: EmbeddedValkey
) -> None:
    url, role = make_database(postgres), f"owner_{secrets.token_hex(4)}"
    database = url.rsplit("/", 1)[1]
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal("pw")))
        connection.execute(f"ALTER DATABASE {database} OWNER TO {role}")
        facts = assert_refused(
            make_gateway(federated(postgres.url_for(database, user=role, password="pw"), valkey.url)), 77, "MOS-PGV-002"
        )
        connection.execute(f"ALTER DATABASE {database} OWNER TO admin")
        connection.execute(f"DROP ROLE {role}")
    assert "CREATE EXTENSION IF NOT EXISTS vector" in facts["fix"]


def test_a_ledger_that_the_role_may_not_read_is_refused(
    make_gateway: MakeGateway, plain_postgres: EmbeddedPostgres, store_url: str
) -> None:
    """It might tell of a migration that is not finished: not seeing it is no reason to serve."""
    role = f"reader_{secrets.token_hex(4)}"
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw'")
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        create_ledger(connection)
        url = plain_postgres.url_for(store_url.rsplit("/", 1)[1], user=role, password="pw")
        assert_refused(make_gateway(standalone(url)), 77, "MOS-PG-009")
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")


# --- the queue ---


def test_a_federated_queue_that_is_not_bullmq_is_refused(make_gateway: MakeGateway, vector_store: str) -> None:
    document = {**federated(vector_store, "redis://127.0.0.1:1/0"), "queue": {"type": "local"}}
    facts = assert_refused(make_gateway(document), 78, "MOS-CFG-001")
    assert "queue.type" in facts["found"]
    assert "bullmq" in facts["found"] + facts["fix"]


def test_a_valkey_that_is_down_is_refused(make_gateway: MakeGateway, vector_store: str) -> None:
    url = f"redis://:{quote(CANARY, safe='')}@127.0.0.1:{free_port()}/0"
    assert_refused(make_gateway(federated(vector_store, url)), 69, "MOS-VK-002")


def test_a_valkey_that_accepts_and_never_answers_is_refused(
    make_gateway: MakeGateway, vector_store: str, black_hole: int
) -> None:
    url = f"redis://:{quote(CANARY, safe='')}@127.0.0.1:{black_hole}/0"
    facts = assert_refused(make_gateway(federated(vector_store, url)), 69, "MOS-VK-003")
    assert re.search(r"No answer within (4\.9|5\.0) s", facts["found"])


def test_everything_hanging_is_refused_within_the_limit(
    make_gateway: MakeGateway, vector_store: str, black_hole: int
) -> None:
    """Also as a process of its own, where a start that is refused at once tells what starting alone costs here."""
    document = federated(with_port(vector_store, black_hole), f"redis://:x@127.0.0.1:{black_hole}/0")
    assert_refused(make_gateway(document), 69, "MOS-PG-003")
    refused_at_once = federated(with_port(vector_store, free_port()), f"redis://:x@127.0.0.1:{free_port()}/0")
    start_s = min(make_gateway(refused_at_once).refuse(60.0)[2] for _ in range(2))
    returned, _, took = make_gateway(document).refuse(60.0)
    assert returned == 69
    assert took - start_s < DECISION_S + SLACK_S


def test_a_valkey_that_evicts_is_refused(make_gateway: MakeGateway, vector_store: str, valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            facts = assert_refused(make_gateway(federated(vector_store, valkey.url)), 76, "MOS-VK-022")
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert "allkeys-lru" in facts["found"]
    assert "CONFIG SET maxmemory-policy noeviction" in facts["fix"]


# --- still starting: waited for, and only that ---


@contextmanager
def recovering(server: EmbeddedPostgres) -> Iterator[None]:
    """Restart it as a standby that nobody may query: PostgreSQL itself then answers 57P03, until it is promoted."""
    server.stop()
    signal_file = server.data_dir / "standby.signal"
    signal_file.touch(mode=0o644)
    server.options = {**FAST, "hot_standby": "off", "restore_command": "/bin/false"}
    server._launch()
    assert wait_until(lambda: not is_free(server.port), 20)
    try:
        yield
    finally:
        server.options = dict(FAST)
        server.kill()
        signal_file.unlink(missing_ok=True)


def promote(server: EmbeddedPostgres) -> None:
    (server.data_dir / "promote").touch(mode=0o644)
    pid = server.pid()
    assert pid
    os.kill(pid, signal.SIGUSR1)


def test_a_server_in_recovery_is_waited_for_and_then_served(
    make_gateway: MakeGateway, own_postgres: EmbeddedPostgres
) -> None:
    gateway = make_gateway(standalone(own_postgres.url))
    with recovering(own_postgres):
        assert_refused(gateway, 69, "MOS-PG-007")
        begun = time.monotonic()
        assert_refused(gateway, 69, "MOS-PG-007", wait_s=2.0)
        assert time.monotonic() - begun > 1.0
        threading.Timer(1.5, promote, [own_postgres]).start()
        assert decide(gateway.config, wait_s=30.0).config.tier == "standalone"


@pytest.fixture
def loading_valkey() -> Iterator[EmbeddedValkey]:
    """A Valkey that needs about four seconds to load its 250 keys, and says LOADING meanwhile."""
    server = start_valkey(f"loading-{secrets.token_hex(3)}")
    with redis.Redis.from_url(server.url) as client:
        client.mset({f"key:{number}": "x" * 100 for number in range(250)})
        client.bgrewriteaof()
        while client.info("persistence")["aof_rewrite_in_progress"]:
            time.sleep(0.05)
    server.stop()
    server.command = lambda: [*EmbeddedValkey.command(server), *SLOW_TO_LOAD]  # type: ignore[method-assign]
    server.prepare()
    server._launch()
    yield server
    server.kill()


def test_a_valkey_that_is_loading_is_waited_for_and_then_served(
    make_gateway: MakeGateway, vector_store: str, loading_valkey: EmbeddedValkey
) -> None:
    gateway = make_gateway(federated(vector_store, loading_valkey.url))
    while not Path(environment.ROOT / f"valkey-{loading_valkey.name}.log").read_text().count("Loading"):
        time.sleep(0.02)
    assert_refused(gateway, 69, "MOS-VK-007")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    assert decide(gateway.config, wait_s=30.0, sleep=sleep).config.tier == "federated"
    assert waits


def test_what_is_wrong_is_said_at_once_while_something_else_still_starts(
    make_gateway: MakeGateway, vector_store: str, own_postgres: EmbeddedPostgres, valkey: EmbeddedValkey
) -> None:
    gateway = make_gateway(standalone(own_postgres.url, valkey_queue(with_password(valkey.url, CANARY))))
    with recovering(own_postgres):
        assert_refused(gateway, 77, "MOS-VK-005", wait_s=30.0)
