"""Each driver error becomes one fixed sentence with a code, and none of the driver's words."""

from __future__ import annotations

import socket
import ssl

import psycopg
import pytest
from redis import exceptions as redis_errors

from mosaic_admin.codes import ExitCode
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import display_url
from tiers import codes, postgres, valkey
from tiers.errors import Fault, StartingError

WHERE = "db.example:5432/mosaic"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("connection timeout expired", "MOS-PG-003"),
        ('failed to resolve host "x": Name or service not known', "MOS-PG-001"),
        ('connection failed: connection to server at "127.0.0.1", port 1 failed: Connection refused', "MOS-PG-002"),
        ('FATAL:  password authentication failed for user "mosaic"', "MOS-PG-005"),
        ("fe_sendauth: no password supplied", "MOS-PG-005"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "m", database "d", SSL off', "MOS-PG-005"),
        ('FATAL:  database "nope" does not exist', "MOS-PG-006"),
        ("FATAL:  the database system is starting up", "MOS-PG-007"),
        ("FATAL:  sorry, too many clients already", "MOS-PG-008"),
        ("server does not support SSL, but SSL was required", "MOS-PG-004"),
        ("server closed the connection unexpectedly", "MOS-PG-012"),
        ("FATAL:  etwas ganz anderes", "MOS-PG-019"),
    ],
)
def test_postgres_connect_errors_are_told_apart_by_their_words(text: str, code: str) -> None:
    error = postgres.translate(psycopg.OperationalError(f"{text} hunter2hunter2"), WHERE)
    assert error.code.id == code
    assert "hunter2hunter2" not in error.message + error.remediation + str(error.context)
    assert error.remediation


@pytest.mark.parametrize(
    ("state", "code", "exit_code"),
    [
        ("28P01", "MOS-PG-005", ExitCode.PRIVILEGE),
        ("28000", "MOS-PG-005", ExitCode.PRIVILEGE),
        ("3D000", "MOS-PG-006", ExitCode.CONFIG),
        ("53300", "MOS-PG-008", ExitCode.UNREACHABLE),
        ("57P03", "MOS-PG-007", ExitCode.UNREACHABLE),
        ("42501", "MOS-PG-009", ExitCode.PRIVILEGE),
        ("53100", "MOS-PG-010", ExitCode.UNREACHABLE),
        ("25006", "MOS-PG-011", ExitCode.UNREACHABLE),
        ("57P01", "MOS-PG-012", ExitCode.UNREACHABLE),
        ("08006", "MOS-PG-012", ExitCode.UNREACHABLE),
    ],
)
def test_postgres_sqlstates_have_their_code_and_exit_class(state: str, code: str, exit_code: ExitCode) -> None:
    error = postgres.translate(psycopg.errors.lookup(state)("secret words"), WHERE)
    assert (error.code.id, error.exit_code, error.context["sqlstate"]) == (code, exit_code, state)


def test_an_unlisted_sqlstate_shows_its_number_and_nothing_else() -> None:
    error = postgres.translate(psycopg.errors.UndefinedTable('relation "top secret" does not exist'), WHERE)
    assert error.message == f"PostgreSQL at {WHERE} reported an error: SQLSTATE 42P01."


def test_a_timeout_says_its_number() -> None:
    error = postgres.translate(psycopg.errors.ConnectionTimeout("x"), WHERE, timeout_s=5.0)
    assert "No answer within 5.0 s." in error.message


def test_driver_errors_leave_no_chained_driver_text() -> None:
    with pytest.raises(MosaicError) as caught, postgres.driver_errors(WHERE):
        raise psycopg.OperationalError("password=hunter2hunter2")
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_only_starting_is_a_starting_error() -> None:
    assert [fault for fault in Fault if issubclass(fault.value.error, StartingError)] == [Fault.STARTING]


@pytest.mark.parametrize(
    ("exc", "code"),
    [
        (redis_errors.BusyLoadingError("LOADING"), "MOS-VK-007"),
        (redis_errors.AuthenticationError("WRONGPASS hunter2hunter2"), "MOS-VK-005"),
        (redis_errors.NoPermissionError("NOPERM"), "MOS-VK-009"),
        (redis_errors.OutOfMemoryError("OOM"), "MOS-VK-010"),
        (redis_errors.ReadOnlyError("READONLY"), "MOS-VK-011"),
        (redis_errors.TimeoutError("Timeout"), "MOS-VK-003"),
        (redis_errors.ConnectionError("max number of clients reached"), "MOS-VK-008"),
        (redis_errors.ResponseError("DB index is out of range"), "MOS-VK-006"),
        (redis_errors.ConnectionError("Connection closed by server."), "MOS-VK-012"),
        (redis_errors.ResponseError("ERR hunter2hunter2"), "MOS-VK-019"),
        (socket.gaierror(-2, "x"), "MOS-VK-001"),
        (ConnectionRefusedError(111, "x"), "MOS-VK-002"),
        (ssl.SSLError("wrong version"), "MOS-VK-004"),
    ],
)
def test_valkey_errors_are_told_apart(exc: BaseException, code: str) -> None:
    error = valkey.translate(exc, display_url("redis://:hunter2hunter2@h:6379/0"))
    assert error.code.id == code
    assert "hunter2hunter2" not in error.message + error.remediation + str(error.context)


@pytest.mark.parametrize("url", ["", "http://x/y", "postgresql://h:notaport/d", "postgresql://h/d?nonsense=1"])
def test_an_unreadable_postgres_address_is_refused_before_anything_is_tried(url: str) -> None:
    with pytest.raises(MosaicError) as caught:
        postgres.connect(url, application_name="test")
    assert caught.value.code is codes.BAD_URL


@pytest.mark.parametrize("url", ["", "http://x/y", "redis://h:notaport/0", "redis:///0"])
def test_an_unreadable_valkey_address_is_refused_before_anything_is_tried(url: str) -> None:
    with pytest.raises(MosaicError) as caught:
        valkey.connect(url)
    assert caught.value.code is codes.BAD_URL


def test_codes_are_unique() -> None:
    ids = [code.id for code in codes.ALL]
    assert len(ids) == len(set(ids))
