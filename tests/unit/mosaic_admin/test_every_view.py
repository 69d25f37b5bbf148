"""Every address of the dashboard declares who may use it, and answers as declared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from mosaic_admin.access import PUBLIC, Role, roles_for
from mosaic_admin.people.models import User

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
PAGES = {route: view for route, view in VIEWS.items() if not getattr(view, "checks_access_itself", False)}


@pytest.mark.parametrize("route", VIEWS, ids=str)
def test_every_view_declares_its_access(route: str) -> None:
    view = VIEWS[route]
    if getattr(view, "checks_access_itself", False):
        return
    for method in ("GET", "POST"):
        assert roles_for(view, method) is not None, f"{route} declares nothing for {method}"


def client_for(role: Role | None) -> Client:
    client = Client(raise_request_exception=False)
    if role:
        client.force_login(User.objects.create(username=f"{role}-walker", role=role))
    return client


@pytest.fixture
def _nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Access decides before the view: the view itself is left out, so that no probe or job starts here."""

    def stop(self: object, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> Any:
        from django.http import HttpResponse

        return decided(self, request, view, args, kwargs) or HttpResponse("reached")

    from mosaic_admin.access import AccessMiddleware

    decided = AccessMiddleware.process_view
    monkeypatch.setattr(AccessMiddleware, "process_view", stop)


@pytest.mark.django_db
@pytest.mark.usefixtures("_nothing_runs")
@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role or "nobody")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_every_view_answers_each_role_and_method_as_declared(role: Role | None, method: str) -> None:
    client = client_for(role)
    for route, view in PAGES.items():
        allowed = roles_for(view, method)
        response = client.generic(method, address(route))
        if allowed == PUBLIC or (role and role in (allowed or ())):
            assert response.status_code == 200, route
        elif role is None:
            assert response.status_code == 302, route
            assert response["Location"].startswith("/sign-in/?next="), route
        else:
            assert response.status_code == 403, route
            assert method == "HEAD" or b"MOS-ACC-001" in response.content, route


@pytest.mark.django_db
def test_the_api_answers_nobody_who_is_not_signed_in() -> None:
    client = client_for(None)
    operations = [route for route, view in VIEWS.items() if getattr(view, "checks_access_itself", False)]
    assert operations
    for route in operations:
        answers = {method: client.generic(method, address(route)).status_code for method in ("GET", "POST", "PUT")}
        assert set(answers.values()) <= {401, 405}, f"{route}: {answers}"
        assert 401 in answers.values(), f"{route}: {answers}"
