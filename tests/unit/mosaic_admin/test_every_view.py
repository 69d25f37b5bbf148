"""Every address of the dashboard declares who may use it, and answers as declared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from mosaic_admin.access import PUBLIC, Role, roles_for
from mosaic_admin.people.models import Scope, User
from mosaic_admin.people.tokens import create_token, revoke_token
from tests.unit.mosaic_admin import access_table

SAMPLES = {"int": "999999", "str": "none", "slug": "none", "uuid": "00000000-0000-0000-0000-000000000000"}


def walk(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for item in patterns:
        route = prefix + str(item.pattern)
        if isinstance(item, URLResolver):
            yield from walk(item.url_patterns, route)
        elif isinstance(item, URLPattern):
            yield route, item.callback


def address(route: str) -> str:
    """Put a value that exists nowhere into each parameter: access is decided before anything is looked up."""
    return "/" + re.sub(r"<(?:(\w+):)?\w+>", lambda match: SAMPLES[match[1] or "str"], route).lstrip("^").rstrip("$")


VIEWS = dict(walk(get_resolver().url_patterns))
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
PAGES = {route: view for route, view in VIEWS.items() if not getattr(view, "checks_access_itself", False)}


HOW = "Decide who may use it, and write it into tests/unit/mosaic_admin/access_table.py."


def test_every_address_is_in_the_table_and_nothing_else_is() -> None:
    operations = set(VIEWS) - set(PAGES)
    assert set(PAGES) ^ set(access_table.PAGES) == set(), HOW
    assert operations ^ set(access_table.API) == set(), HOW


@pytest.mark.parametrize("route", PAGES, ids=str)
def test_every_view_declares_what_the_table_says(route: str) -> None:
    assert route in access_table.PAGES, HOW
    read, write = access_table.PAGES[route]
    for method in METHODS:
        wanted = read if method in ("GET", "HEAD", "OPTIONS") else write
        assert roles_for(PAGES[route], method) == wanted, f"{method} {route}"


def client_for(role: Role | None) -> Client:
    client = Client(raise_request_exception=False)
    if role:
        client.force_login(User.objects.create(username=f"{role}-walker", role=role))
    return client


@pytest.fixture
def _nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Access decides before the view: the view itself is left out, so that no probe or job starts here."""

    def stop(self: object, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> Any:
        return decided(self, request, view, args, kwargs) or HttpResponse("reached")

    from mosaic_admin.access import AccessMiddleware

    decided = AccessMiddleware.process_view
    monkeypatch.setattr(AccessMiddleware, "process_view", stop)


@pytest.mark.django_db
@pytest.mark.usefixtures("_nothing_runs")
@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role or "nobody")
@pytest.mark.parametrize("method", METHODS)
def test_every_view_answers_each_role_and_method_as_declared(role: Role | None, method: str) -> None:
    client = client_for(role)
    for route in PAGES.keys() & access_table.PAGES.keys():
        read, write = access_table.PAGES[route]
        allowed = read if method in ("GET", "HEAD", "OPTIONS") else write
        response = client.generic(method, address(route))
        if allowed == PUBLIC or (role and role in allowed):
            assert response.status_code == 200, route
        elif role is None:
            assert response.status_code == 302, route
            assert response["Location"].startswith("/sign-in/?next="), route
        else:
            assert response.status_code == 403, route
            assert method == "HEAD" or b"MOS-ACC-001" in response.content, route


@pytest.fixture
def _operations_say_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authentication decides before the operation: the operation itself is left out."""
    for route in access_table.API:
        (cell,) = VIEWS[route].__closure__  # ninja's view of an address holds its operations
        for operation in cell.cell_contents.operations:
            monkeypatch.setattr(operation, "view_func", lambda request, **_: HttpResponse("reached"))


def status_of(client: Client, method: str, route: str, **headers: str) -> int:
    return client.generic(method, address(route), headers=headers).status_code


@pytest.mark.django_db
@pytest.mark.usefixtures("_operations_say_reached")
@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role or "nobody")
def test_every_operation_of_the_api_answers_each_role_and_method(role: Role | None) -> None:
    client = client_for(role)
    for route in access_table.API:
        assert status_of(client, "GET", route) == (200 if role else 401), route
        for method in METHODS[1:]:
            assert status_of(client, method, route) in (401, 405), f"{method} {route}"


@pytest.mark.django_db
@pytest.mark.usefixtures("_operations_say_reached")
@pytest.mark.parametrize("scope", Scope)
def test_a_token_opens_what_its_scope_names_and_nothing_else(scope: Scope) -> None:
    owner = User.objects.create(username="owner", role=Role.ADMIN)
    token, raw = create_token(name="walker", scopes=[scope], created_by=owner)
    client = Client(raise_request_exception=False)
    bearer = {"authorization": f"Bearer {raw}"}
    for route, wanted in access_table.API.items():
        assert status_of(client, "GET", route, **bearer) == (200 if scope == wanted else 403), route
        assert status_of(client, "POST", route, **bearer) in (401, 403, 405), route
    for route, (read, _) in access_table.PAGES.items():
        status = status_of(client, "GET", route, **bearer)
        assert read == PUBLIC or status == 302, f"a token opens the page {route}"
    revoke_token(token_id=token.pk)
    assert {status_of(client, "GET", route, **bearer) for route in access_table.API} == {401}


@pytest.mark.django_db
def test_a_token_without_the_scope_is_told_which_one_it_lacks() -> None:
    owner = User.objects.create(username="owner", role=Role.ADMIN)
    _, raw = create_token(name="ci", scopes=[Scope.DOCTOR_READ], created_by=owner)
    answer = Client().get("/api/v1/migrations", headers={"authorization": f"Bearer {raw}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "MOS-ACC-023")
    assert answer.json()["error"]["context"] == {"scope": "migrations:read"}
    assert answer["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="migrations:read"'
    unknown = Client().get("/api/v1/migrations", headers={"authorization": "Bearer mosaic_nobody"})
    assert (unknown.status_code, unknown["WWW-Authenticate"]) == (401, "Bearer")
