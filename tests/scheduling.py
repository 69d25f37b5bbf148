"""Which tests share a test process: those of one file, and those of one running stack.

xdist's own `loadgroup` writes the group into a test's private `_nodeid`, which pytest 9.2 no longer reads; without
an error every process then starts a stack of a dozen processes for itself.
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# fixture that runs a stack -> the files that use it (folder or beginning of the path)
STACKS = {
    "documents_demo": ("tests/integration/documents/test_pages.py",),
    "large_demo": (
        "tests/e2e/test_cutover.py",
        "tests/e2e/test_interrupted.py",
        "tests/e2e/test_live_page.py",
        "tests/e2e/test_local_source.py",
        "tests/e2e/test_migration_flow.py",
    ),
    "compose_stack": (
        "tests/integration/stack/test_doctor.py",
        "tests/integration/stack/test_faults.py",
        "tests/integration/stack/test_gateway.py",
        "tests/integration/stack/test_looking.py",
    ),
    "installed_wheel": ("tests/e2e/test_wheel.py", "tests/integration/release/"),
    "demo": ("tests/e2e/", "tests/integration/demo/test_running.py"),
}

# Files that take a minute or more, the longest first: begun last, one process would be left alone with them as well.
LONG = (
    "tests/integration/stack/test_image.py",
    "tests/integration/pglite/test_source.py",
    "tests/integration/backup/test_backup.py",
    "tests/integration/backup/test_killed.py",
    "tests/integration/pglite/test_host.py",
    "tests/integration/engine/test_faults.py",
    "tests/integration/gateway/test_local.py",
    "tests/integration/control_plane/test_engines.py",
    "tests/integration/engine/test_repair.py",
    "tests/integration/doctor/test_faces.py",
    "tests/integration/engine/test_crash.py",
    "tests/integration/stack/test_runtimes.py",
    "tests/integration/gateway/test_contract.py",
    "tests/integration/web/test_api_contract.py",
    "tests/integration/doctor/test_canaries.py",
    "tests/integration/pglite/test_commands.py",
    "tests/integration/migration/test_real_engine.py",
    "tests/integration/tiers/test_activation_killed.py",
    "tests/integration/migration/test_cutover.py",
    "tests/integration/doctor/test_hanging.py",
)


def group_of(path: str) -> str:
    """Return the name of what a file's tests share."""
    return next((name for name, paths in STACKS.items() if path.startswith(paths)), path)


class OneStackPerProcess(LoadScopeScheduling):
    """Give each group to one test process."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.split("::", 1)[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneStackPerProcess:
    return OneStackPerProcess(config, log)


@pytest.hookimpl(trylast=True)  # after the shuffling
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the stacks, the longest groups, and then the long files."""
    for item in items:
        _refuse_stray(item)
    items.sort(key=_order)


def _order(item: pytest.Item) -> tuple[int, bool]:
    """Among the pages that share a demo, the one that moves its data comes last."""
    first = [*STACKS, *LONG]
    place = first.index(_group(item)) if _group(item) in first else len(first)
    return place, "migrate-to-federated.md" in item.nodeid


def _group(item: pytest.Item) -> str:
    return group_of(item.nodeid.split("::", 1)[0])


def _refuse_stray(item: pytest.Item) -> None:
    for fixture in STACKS:
        if fixture in getattr(item, "fixturenames", ()) and _group(item) != fixture:
            raise pytest.UsageError(f"{item.nodeid} uses `{fixture}`: name its file in tests/scheduling.py.")
