"""Names of lock holders: other programs read them, so the form is pinned."""

from __future__ import annotations

import pytest

from store.ledger import StoreLock, holder_name, parse_holder
from store.lock import NAME_BYTES, busy_error


def test_a_holder_name_reads_back_what_went_in() -> None:
    holder = parse_holder(holder_name("mig", epoch=7, host="db-1", process=42), backend_pid=9, mode="exclusive")
    assert (holder.kind, holder.host, holder.process, holder.epoch) == ("mig", "db-1", 42, 7)


@pytest.mark.parametrize("host", ["h" * 200, "büro-rechner", "two words", "a:b:c", "\n"])
def test_a_holder_name_stays_readable_for_any_host_name(host: str) -> None:
    name = holder_name("gw", epoch=2**62, host=host, process=4194304)
    holder = parse_holder(name, backend_pid=1, mode="shared")
    assert len(name.encode()) <= NAME_BYTES
    assert (holder.kind, holder.process, holder.epoch) == ("gw", 4194304, 2**62)


@pytest.mark.parametrize("name", ["psql", "", "mosaic-gw", "mosaic-gw host:1", "mosaic-xx host:1:2"])
def test_a_name_of_another_form_is_kept_and_not_guessed(name: str) -> None:
    holder = parse_holder(name, backend_pid=5, mode="shared")
    assert holder.application_name == name
    assert holder.kind is None


@pytest.mark.parametrize("name", ["psql", "mosaic-gw host", "mosaic-gw " + "h" * 70 + ":1:1"])
def test_a_lock_refuses_a_holder_that_nobody_could_read_back(name: str) -> None:
    with pytest.raises(ValueError, match="holder"):
        StoreLock("postgresql://127.0.0.1/x", "shared", name)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("mosaic-gw a:1:0", "mosaic gateway pause"),
        ("mosaic-mig a:1:3", "cancel it on the Migrations page"),
        ("psql", "(pid 77)"),
    ],
)
def test_a_busy_store_says_how_its_holder_lets_go(name: str, step: str) -> None:
    error = busy_error([parse_holder(name, backend_pid=77, mode="shared")], mode="exclusive", waited_s=0)
    assert step in error.remediation
    assert error.context["holders"] == [name]
