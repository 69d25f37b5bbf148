"""Every fault of Valkey, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from doctor.findings import Status
from doctor.report import Light
from tests.integration.doctor.conftest import WriteConfig, codes_of, found, report_on
from tests.servers import MakeDatabase


@pytest.fixture
def storage_url(postgres: EmbeddedPostgres, make_database: MakeDatabase) -> str:
    return make_database(postgres, "vector")


@contextmanager
def setting(server: EmbeddedValkey, name: str, value: str) -> Iterator[None]:
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        before = client.config_get(name)[name]
        client.config_set(name, value)
        try:
            yield
        finally:
            client.config_set(name, before)


def test_a_wrong_password_is_told_and_not_shown(
    storage_url: str, valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    report = report_on(write_config(storage_url, f"redis://:wrong-canary@127.0.0.1:{valkey.port}/0"))
    assert codes_of(report) == ["MOS-VK-005"]
    assert "canary" not in str([item.as_dict() for item in report.findings])


def test_a_policy_that_loses_keys_is_red_with_the_command(
    storage_url: str, valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    with setting(valkey, "maxmemory-policy", "allkeys-lru"):
        report = report_on(write_config(storage_url, valkey.url))
    assert codes_of(report) == ["MOS-VK-022"]
    remedy = found(report, "valkey.policy").remediation
    assert remedy is not None
    assert (remedy.command or "").endswith("CONFIG SET maxmemory-policy noeviction")


def test_no_append_only_file_is_a_warning(storage_url: str, valkey: EmbeddedValkey, write_config: WriteConfig) -> None:
    with setting(valkey, "appendonly", "no"):
        report = report_on(write_config(storage_url, valkey.url))
    assert codes_of(report) == ["MOS-VK-023"]
    assert report.status is Light.YELLOW


def test_an_acl_user_without_the_queues_commands_fails_and_one_with_them_passes(
    storage_url: str, valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.execute_command("ACL", "SETUSER", "narrow", "on", ">narrow-password", "~*", "&*", "+@all", "-lpush")
        client.execute_command("ACL", "SETUSER", "wide", "on", ">wide-password", "~*", "&*", "+@all")
        narrow = report_on(write_config(storage_url, f"redis://narrow:narrow-password@127.0.0.1:{valkey.port}/0"))
        wide = report_on(write_config(storage_url, f"redis://wide:wide-password@127.0.0.1:{valkey.port}/0"))
        client.acl_deluser("narrow", "wide")
    assert codes_of(narrow) == ["MOS-VK-009"]
    assert codes_of(wide) == []


def test_a_stopped_valkey_leaves_postgresqls_half_of_the_report_whole(
    storage_url: str, valkey: EmbeddedValkey, write_config: WriteConfig
) -> None:
    valkey.stop()
    try:
        report = report_on(write_config(storage_url, valkey.url))
    finally:
        valkey.start()
    assert codes_of(report) == ["MOS-VK-002"]
    assert found(report, "pgvector.version").status is Status.PASS
