"""People and clients of every role."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from mosaic_admin.access import Role
from mosaic_admin.people.models import User
from tests.sessions import prove

PASSWORD = "correct-horse-battery"

MakeUser = Callable[..., User]


@pytest.fixture
def make_user(db: None) -> MakeUser:
    def make(username: str = "maya", role: Role = Role.ADMIN, **fields: object) -> User:
        return User.objects.create_user(username, PASSWORD, role=role, **fields)

    return make


@pytest.fixture
def client_of(make_user: MakeUser) -> Callable[[Role], Client]:
    def make(role: Role) -> Client:
        """Return a client of somebody who has just signed in with the password."""
        client = Client()
        client.force_login(make_user(f"{role.value}-person", role))
        return prove(client)

    return make
