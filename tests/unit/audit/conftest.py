"""Each test starts with nobody at the command line: commands that other tests ran in this process leave theirs."""

from __future__ import annotations

from contextvars import ContextVar

import pytest

from mosaic_admin.audit import actor


@pytest.fixture(autouse=True)
def _nobody_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actor, "_actor", ContextVar("audit_actor_of_a_test", default=None))
