"""`/api/v1/tiers`."""

from __future__ import annotations

import pytest
from django.test import Client

import tiers
from mosaic_admin.access import Role
from tests.unit.tiers.conftest import ClientOf
from tiers import services

CANARY = "canary-password-99"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("config_file")]


def test_nobody_reads_without_signing_in() -> None:
    response = Client().get("/api/v1/tiers")
    assert response.status_code == 401
    assert set(response.json()["error"]) == {"code", "message", "remediation", "context"}


def test_support_lists_and_reads_masked(client_of: ClientOf) -> None:
    document = {
        **tiers.DEFAULT_STANDALONE_CONFIG,
        "storage": {"type": "postgres", "url": f"postgresql://u:{CANARY}@h/d"},
        "queue": {"type": "local"},
    }
    config = services.create_config(name="home", document=document)
    client = client_of(Role.SUPPORT)
    (row,) = client.get("/api/v1/tiers").json()
    assert (row["id"], row["name"], row["tier"], row["is_active"]) == (config.pk, "home", "standalone", False)
    response = client.get(f"/api/v1/tiers/{config.pk}")
    assert CANARY not in response.content.decode()
    body = response.json()
    assert body["document"]["storage"]["url"] == "postgresql://u:•••@h/d"
    assert {"path": "queue.type", "value": "local", "source": "file"} in body["effective"]
    assert body["problems"] == []


def test_an_unknown_number_is_404_in_the_one_error_shape(client_of: ClientOf) -> None:
    response = client_of(Role.SUPPORT).get("/api/v1/tiers/4711")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "MOS-CFG-008")


def test_an_unusable_document_lists_its_problems(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOSAIC_PG_PASSWORD", raising=False)
    config = services.create_config(name="f", document=tiers.DEFAULT_FEDERATED_CONFIG)
    body = client_of(Role.SUPPORT).get(f"/api/v1/tiers/{config.pk}").json()
    assert "storage.url" in {problem["path"] for problem in body["problems"]}
