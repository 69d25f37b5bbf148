"""The contract that every other integration test relies on."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import redis

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from compose.embedded.process import is_alive
from tests.servers import MakeDatabase


def scalar(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_postgres_has_pgvector_and_speaks_utf8(postgres: EmbeddedPostgres, make_database: MakeDatabase) -> None:
    url = make_database(postgres, "vector")
    assert scalar(url, "SELECT '[1,2]'::vector <-> '[1,2]'::vector") == 0
    assert scalar(url, "SHOW server_encoding") == "UTF8"
    assert scalar(url, "SHOW password_encryption") == "scram-sha-256"


def test_postgres_refuses_a_wrong_password(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url_for("postgres", password="not-this-one"))


def test_postgres_listens_on_loopback_only(postgres: EmbeddedPostgres) -> None:
    assert scalar(postgres.url, "SHOW listen_addresses") == "127.0.0.1"
    assert scalar(postgres.url, "SHOW unix_socket_directories") == ""


def test_plain_postgres_lacks_the_pgvector_library(plain_postgres: EmbeddedPostgres) -> None:
    assert scalar(plain_postgres.url, "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'") == 0
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        scalar(plain_postgres.url, "CREATE EXTENSION vector")


def test_broken_postgres_lists_pgvector_and_cannot_load_it(broken_postgres: EmbeddedPostgres) -> None:
    assert scalar(broken_postgres.url, "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'") == 1
    with pytest.raises(psycopg.errors.UndefinedFile):
        scalar(broken_postgres.url, "CREATE EXTENSION vector")


def test_committed_rows_survive_a_kill(postgres: EmbeddedPostgres, make_database: MakeDatabase) -> None:
    url = make_database(postgres)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        connection.execute("CHECKPOINT")
    pid = postgres.pid()
    assert pid is not None
    postgres.kill()
    assert not is_alive(pid)
    assert not postgres.is_running()
    assert postgres.start() is False
    assert scalar(url, "SELECT count(*) FROM kept") == 1000


def test_starting_a_running_server_adopts_it(postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
    before = postgres.pid(), valkey.pid()
    assert postgres.start() is True
    assert valkey.start() is True
    assert (postgres.pid(), valkey.pid()) == before


def test_valkey_keeps_its_data_and_evicts_nothing(valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.set("kept", "yes")
        policy = client.config_get("maxmemory-policy")
        assert "noeviction" in str(policy)
    valkey.stop()
    assert not valkey.is_running()
    valkey.start()
    with redis.Redis.from_url(valkey.url) as client:
        assert client.get("kept") == b"yes"


def test_valkey_shows_its_password_on_no_command_line(valkey: EmbeddedValkey) -> None:
    command = Path(f"/proc/{valkey.pid()}/cmdline").read_bytes()
    assert valkey.password.encode() not in command
    assert (valkey.data_dir / "valkey.conf").stat().st_mode & 0o777 == 0o600


def test_valkey_refuses_a_client_without_password(valkey: EmbeddedValkey) -> None:
    with (
        redis.Redis(host=valkey.host, port=valkey.port) as client,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        client.ping()
