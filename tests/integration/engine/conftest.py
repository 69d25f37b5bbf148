"""The engine's tests use databases of their own, never the control plane's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _store_alias_may_connect(django_db_blocker: Any) -> Iterator[None]:
    """The store's schema is created through Django, outside any test database."""
    with django_db_blocker.unblock():
        yield
