"""What facts mean, without a server: ranges, versions, policies."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from doctor import codes
from doctor.destination import default_document
from doctor.findings import Status, failed
from doctor.probes.commands import Address, with_postgres_command
from doctor.probes.pgvector import VectorFacts, judge_vector_version
from doctor.probes.postgres import PostgresFacts, _is_plain
from doctor.probes.postgres_health import judge_disk, judge_version
from doctor.probes.valkey import judge_persistence, judge_policy, judge_valkey_version
from mosaic_admin import env
from tiers import codes as tiers_codes

AT = Address("db.example", 5433, "mosaic", "mosaic")
FACTS = PostgresFacts(
    version_num=170006,
    version="17.6",
    encoding="UTF8",
    is_standby=False,
    is_read_only=False,
    max_connections=100,
    reserved=3,
    in_use=5,
    backend_pid=1,
    role="mosaic",
    database="mosaic",
    is_superuser=False,
    may_create=True,
    may_use_public=True,
    data_directory=None,
)


@pytest.mark.parametrize(
    ("number", "tier", "status", "code"),
    [
        (180006, "federated", Status.PASS, None),
        (170000, "federated", Status.PASS, None),
        (160014, "federated", Status.FAIL, codes.PG_TOO_OLD),
        (160014, "standalone", Status.PASS, None),
        (140000, "standalone", Status.PASS, None),
        (130020, "standalone", Status.FAIL, codes.PG_TOO_OLD),
        (190000, "federated", Status.WARN, codes.PG_UNTRIED),
    ],
)
def test_postgresql_versions_have_a_range_per_tier(number: int, tier: str, status: Status, code: object) -> None:
    finding = judge_version(replace(FACTS, version_num=number, version=str(number // 10000)), tier, AT)
    assert (finding.status, finding.code) == (status, code)


@pytest.mark.parametrize(
    ("installed", "available", "code"),
    [
        ("0.8.6", "0.8.6", None),
        ("0.7.0", "0.7.0", None),
        ("0.6.2", "0.6.2", codes.PGV_TOO_OLD),
        ("0.8.6", "0.8.0", codes.PGV_DOWNGRADED),
        ("0.8.0", "0.8.6", codes.PGV_UPDATE),
        ("0.9.1", "0.9.1", codes.PGV_UNTRIED),
        ("0.10.0", "0.10.0", codes.PGV_UNTRIED),
    ],
)
def test_pgvector_versions_are_compared_as_numbers_with_the_range_and_the_library(
    installed: str, available: str, code: object
) -> None:
    assert judge_vector_version(VectorFacts(available, installed, "public", False), AT, "mosaic").code is code


@pytest.mark.parametrize(
    ("info", "code"),
    [
        ({"valkey_version": "8.1.1", "redis_version": "7.2.4"}, None),
        ({"valkey_version": "7.0.9"}, codes.VK_TOO_OLD),
        ({"redis_version": "7.2.4"}, codes.VK_NOT_VALKEY),
    ],
)
def test_only_valkey_version_counts_not_the_redis_version_that_lies(info: dict[str, str], code: object) -> None:
    assert judge_valkey_version(info, AT).code is code


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", ""])
def test_any_policy_but_noeviction_fails(policy: str) -> None:
    assert judge_policy(policy, AT).code is codes.VK_EVICTS
    assert judge_policy("noeviction", AT).status is Status.PASS


@pytest.mark.parametrize(
    ("info", "has_snapshots", "status"),
    [
        ({"aof_enabled": 1}, True, Status.PASS),
        ({"aof_enabled": 0}, False, Status.WARN),
        ({"aof_enabled": 0}, None, Status.SKIP),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, True, Status.WARN),
    ],
)
def test_persistence_is_judged_by_what_survives_a_restart(
    info: dict[str, object], has_snapshots: bool | None, status: Status
) -> None:
    assert judge_persistence(info, AT, has_snapshots=has_snapshots).status is status


def test_little_disk_is_a_warning() -> None:
    assert judge_disk(500_000_000, 10**12, "/data").code is codes.PG_DISK
    assert judge_disk(40 * 10**9, 10**12, "/data").code is codes.PG_DISK
    assert judge_disk(400 * 10**9, 10**12, "/data").status is Status.PASS


@pytest.mark.parametrize(
    ("url", "is_plain"),
    [
        ("postgresql://u:p@db:5432/m", True),
        ("postgresql://u:p@[::1]:5432/m?sslmode=require", True),
        ("postgresql:///m?host=/run/postgresql", False),
        ("postgresql://u@db1,db2/m", False),
        ("postgresql://u@db/m?hostaddr=10.0.0.1", False),
        ("postgresql://%2Frun%2Fpostgresql/m", False),
        ("postgresql://[broken/m", False),
    ],
)
def test_only_addresses_of_one_host_are_climbed_rung_by_rung(url: str, is_plain: bool) -> None:
    assert _is_plain(url) is is_plain


def test_commands_quote_what_they_show_and_hold_no_password() -> None:
    at = Address.of("postgresql://o'neil:canary-pw@db.example:6000/my%20db", port=5432)
    command = at.psql("SELECT 1", user=at.user)
    assert "canary" not in command
    assert "-d 'my db'" in command
    assert """-U 'o'"'"'neil'""" in command


def test_the_embedded_servers_of_this_install_are_started_by_its_own_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secrets").mkdir()
    environment = env.load().model_copy(update={"home": tmp_path, "postgres_port": 6001})
    monkeypatch.setattr(env, "load", lambda: environment)
    refused = failed(tiers_codes.PG_REFUSED, "Refused.", "Start it.")
    ours = with_postgres_command(refused, Address("127.0.0.1", 6001, "mosaic", "mosaic")).remediation
    other = with_postgres_command(refused, Address("db.example", 6001, "mosaic", "mosaic")).remediation
    assert ours is not None
    assert other is not None
    assert (ours.command, other.command) == ("mosaic demo", "pg_isready -h db.example -p 6001 -t 5")


def test_the_default_of_the_federated_tier_takes_this_installs_ports_and_secret_files(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "federated-postgres").write_text("pw")
    document = default_document("federated", home=tmp_path, ports={"storage": 6001, "queue": 6002}, environ={})
    assert document["storage"]["url"] == "postgresql://mosaic@127.0.0.1:6001/mosaic"
    assert document["storage"]["passwordFile"].endswith("/secrets/federated-postgres")
    assert document["queue"]["url"] == "redis://:${MOSAIC_VALKEY_PASSWORD}@127.0.0.1:6002/0"


def test_the_command_loads_without_django() -> None:
    check = "import sys, mosaic_admin.cli.doctor; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
