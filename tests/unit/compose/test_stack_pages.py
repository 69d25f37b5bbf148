"""The page Stack over a stack in memory; `tests/e2e/test_stack_page.py` has a real one."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable

import pytest
from django.test import Client

from compose import codes, pages, services
from compose.docker.engine import EngineError
from compose.logs import log_line
from compose.models import ActionState, StackAction, Verb
from mosaic_admin.access import Role
from mosaic_admin.errors import MosaicError
from mosaic_admin.people.models import User
from tests.fakes.runtime import FakeRuntime

pytestmark = pytest.mark.django_db

ClientOf = Callable[[Role], Client]


@pytest.fixture
def client_of() -> ClientOf:
    def make(role: Role) -> Client:
        client = Client()
        client.force_login(User.objects.create(username=f"{role.value}-person", role=role))
        return client

    return make


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    fake = FakeRuntime()
    for module in (services, pages):
        monkeypatch.setattr(module, "runtime_for", lambda environment: fake)
    monkeypatch.setattr(services, "runtime_word", lambda environment: "docker")
    return fake


def test_an_operator_finds_the_buttons_that_fit_the_state(client_of: ClientOf, runtime: FakeRuntime) -> None:
    client = client_of(Role.OPERATOR)
    assert "Start…" in client.get("/stack/").content.decode()
    runtime.up(lambda _: None)
    page = client.get("/stack/").content.decode()
    assert "2 of 2 healthy" in page
    assert "Stop…" in page
    assert page.count("Restart…") == 2


def test_support_reads_the_page_and_may_do_nothing(client_of: ClientOf, runtime: FakeRuntime) -> None:
    runtime.up(lambda _: None)
    client = client_of(Role.SUPPORT)
    page = client.get("/stack/").content.decode()
    assert "2 of 2 healthy" in page
    assert "Stop…" not in page
    assert client.post("/stack/down/").status_code == 403


def test_no_page_can_delete_a_volume(client_of: ClientOf, runtime: FakeRuntime) -> None:
    client = client_of(Role.ADMIN)
    for word in ("rm", "delete", "prune", "down-v"):
        assert client.post(f"/stack/{word}/").status_code == 404


def test_a_poll_gets_the_fragment_or_nothing_new(client_of: ClientOf, runtime: FakeRuntime) -> None:
    client = client_of(Role.OPERATOR)
    first = client.get("/stack/", headers={"HX-Request": "true"})
    assert b"<html" not in first.content
    headers = {"HX-Request": "true", "HX-PTag": first["HX-PTag"]}
    assert client.get("/stack/", headers=headers).status_code == 304
    runtime.up(lambda _: None)
    again = client.get("/stack/", headers=headers)
    assert b"2 of 2 healthy" in again.content


def test_a_failed_action_says_why_and_that_data_is_kept(client_of: ClientOf) -> None:
    StackAction.objects.create(
        verb=Verb.UP,
        project="mosaic",
        state=ActionState.FAILED,
        error_code="MOS-STK-014",
        error_message="A port of the stack is taken on this host.",
        error_remediation="See what listens there.",
    )
    page = client_of(Role.OPERATOR).get("/stack/").content.decode()
    assert "Start did not work. All data is kept." in page
    assert "/doctor/codes/MOS-STK-014/" in page


def test_a_host_without_an_engine_shows_files_and_commands(client_of: ClientOf, runtime: FakeRuntime) -> None:
    runtime.status_fails_with = EngineError("No Docker engine answers on this host.", remediation="Start it.")
    page = client_of(Role.OPERATOR).get("/stack/").content.decode()
    assert "No Docker engine here" in page
    assert "docker compose -f docker-compose.federated.yml --profile federated up -d --wait" in page
    assert "pgvector/pgvector:pg17" in page
    assert "MOS-STK-010" in page


def test_the_pill_tells_an_engine_that_hangs_from_one_that_is_not_there(
    client_of: ClientOf, runtime: FakeRuntime
) -> None:
    runtime.status_fails_with = EngineError("Docker hangs.", remediation="See why.", code=codes.ENGINE_HANGS)
    client = client_of(Role.OPERATOR)
    assert "Docker does not answer" in client.get("/stack/").content.decode()
    runtime.status_fails_with = MosaicError("A folder is closed.", remediation="Open it.", code=codes.SECRET_MISSING)
    page = client.get("/stack/").content.decode()
    assert "State not known" in page
    assert "No Docker engine" not in page


def test_a_log_line_that_looks_like_markup_is_text(client_of: ClientOf, runtime: FakeRuntime) -> None:
    runtime.up(lambda _: None)
    runtime.log = [log_line("<script>alert(1)</script>"), log_line("FATAL:  password authentication failed")]
    page = client_of(Role.SUPPORT).get("/stack/logs/?service=valkey-federated").content.decode()
    assert "&lt;script&gt;" in page
    assert page.count("is-trouble") == 1


def test_the_archive_holds_the_files_and_no_secret(client_of: ClientOf) -> None:
    content = client_of(Role.SUPPORT).get("/stack/compose.tar.gz").content
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        names = tar.getnames()
        assert {entry.uid for entry in tar.getmembers()} == {0}
    assert "compose/docker-compose.federated.yml" in names
    assert "compose/pg-init/10-role-and-vector.sql" in names
    assert not any("secrets" in name for name in names)


def test_support_reads_no_rows_in_the_log_and_operators_do(client_of: ClientOf, runtime: FakeRuntime) -> None:
    runtime.log = [
        log_line(text)
        for text in (
            'ERROR:  duplicate key value violates unique constraint "users_email"',
            "DETAIL:  Key (email)=(ada@northwind.example) already exists.",
            "STATEMENT:  INSERT INTO notes (body) VALUES ('ada-secret",
            "\tada-more')",
        )
    ]
    for role, sees in ((Role.SUPPORT, False), (Role.OPERATOR, True)):
        page = client_of(role).get("/stack/logs/").content.decode()
        assert "users_email" in page
        assert [word in page for word in ("northwind.example", "ada-secret", "ada-more")] == [sees] * 3
