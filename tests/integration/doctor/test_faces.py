"""The same fault has the same code through every face: command, API, page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from doctor import services
from mosaic_admin.access import Role
from mosaic_admin.people.models import User
from tests.integration.doctor.conftest import WriteConfig
from tests.integration.doctor.test_command import mosaic, report_in
from tests.servers import MakeDatabase

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="faces", role=Role.SUPPORT))
    return client


@pytest.fixture(autouse=True)
def _fresh_runs() -> Iterator[None]:
    services.forget_shared_runs()
    yield
    services.forget_shared_runs()


@pytest.mark.parametrize(
    ("fault", "code"),
    [("library", "MOS-PGV-001"), ("not enabled", "MOS-PGV-003"), ("password", "MOS-PG-005"), ("valkey", "MOS-VK-005")],
)
def test_a_fault_has_one_code_in_command_api_and_page(
    fault: str,
    code: str,
    postgres: EmbeddedPostgres,
    plain_postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    make_database: MakeDatabase,
    write_config: WriteConfig,
    reader: Client,
    settings: object,
    tmp_path: Path,
) -> None:
    server = plain_postgres if fault == "library" else postgres
    extensions = () if fault in ("library", "not enabled") else ("vector",)
    storage = make_database(server, *extensions)
    queue = valkey.url
    if fault == "password":
        storage = server.url_for("postgres", password="wrong-canary")
    if fault == "valkey":
        queue = f"redis://:wrong-canary@127.0.0.1:{valkey.port}/0"
    path = write_config(storage, queue)
    settings.ENV = settings.ENV.model_copy(update={"config": path})  # type: ignore[attr-defined]

    command = report_in(mosaic("doctor", "--json", "--config", str(path), home=tmp_path))
    answer = reader.get("/api/v1/doctor")
    page = reader.post("/doctor/check/", headers={"HX-Request": "true"}).content.decode()

    assert command["summary"]["root_cause"] == answer.json()["summary"]["root_cause"] == code
    assert f'href="/doctor/codes/{code}/"' in page
    assert answer.status_code == 503
    assert "canary" not in page + answer.content.decode()
