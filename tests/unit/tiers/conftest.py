"""People of every role, and a configuration file of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from mosaic_admin.access import Role
from mosaic_admin.people.models import User
from tiers import services

ClientOf = Callable[[Role], Client]


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the dashboard of this test writes."""
    path = tmp_path / "mosaic.config.json"
    monkeypatch.setattr(services, "config_path", lambda: path)
    return path


@pytest.fixture
def person(db: None) -> User:
    return User.objects.create(username="olga", role=Role.OPERATOR)


@pytest.fixture
def client_of(db: None) -> ClientOf:
    def make(role: Role) -> Client:
        client = Client()
        client.force_login(User.objects.create(username=f"{role.value}-person", role=role))
        return client

    return make
