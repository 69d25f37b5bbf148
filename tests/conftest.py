"""Fixtures and rules of the whole suite."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from doctor.sharing import forget_shared_runs
from mosaic_admin import redaction

pytest_plugins = [
    "tests.scheduling",
    "tests.servers",
    "tests.old_postgres",
    "tests.pglite",
    "tests.demo",
    "tests.e2e.stack",
    "tests.integration.doctor.stores",
    "tests.integration.doctor.odd_servers",
    "tests.integration.doctor.faults",
    "tests.engine",
    "tests.e2e.dashboard",
    "tests.wheel",
]

_KINDS = ("integration", "e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, so that `-m` and the folders agree."""
    for item in items:
        for kind in _KINDS:
            if f"tests/{kind}/" in item.path.as_posix():
                item.add_marker(kind)


@pytest.fixture(autouse=True)
def _no_shared_doctor_run() -> None:
    """A report of the test before, a moment old, is no answer to this one."""
    forget_shared_runs()


@pytest.fixture(autouse=True)
def _no_secret_of_another_test() -> Iterator[None]:
    """A process masks every password that it ever met: here those of two thousand tests, and words among them."""
    met = [(values, set(values)) for values in (redaction._known, redaction._plain, redaction._ours)]
    yield
    for values, before in met:
        values.intersection_update(before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    return _without_skips((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> object:
    return _without_skips((yield))


def _without_skips(report: pytest.TestReport | pytest.CollectReport) -> object:
    """In CI what is skipped, or expected to fail, has failed: a missing tool must not make the suite green."""
    if os.environ.get("CI") and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"CI allows no skip: {report.longrepr}"
    return report
