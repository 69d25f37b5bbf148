"""No page escapes the browser: each address is looked at, or says why there is nothing to look at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from mosaic_admin.access import Role
from mosaic_admin.people.models import User
from tests.e2e import pages
from tests.unit.mosaic_admin import access_table
from tests.unit.mosaic_admin.test_every_view import address

E2E = Path(settings.BASE_DIR) / "tests" / "e2e"
HOW = "Let a browser test look at it (tests/e2e/pages.py), or write down there why it shows no page."


def test_every_address_is_looked_at_or_says_why_not() -> None:
    looked_at = set(pages.routes().values()) - {pages.NOWHERE}
    assert set(access_table.PAGES) - looked_at - set(pages.NO_PAGES) == set(), HOW
    assert (looked_at | set(pages.NO_PAGES)) - set(access_table.PAGES) == set(), "These addresses are gone."
    assert looked_at & set(pages.NO_PAGES) == set(), "These are looked at after all."


def names_in_tests() -> Iterator[str]:
    """Yield the name in each `look(page, "name")` of the browser tests."""
    for path in E2E.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "look":
                yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant))


def test_every_state_is_looked_at_once_in_a_browser_test() -> None:
    assert sorted(names_in_tests()) == sorted(pages.STATES)
    assert pages.PLAIN.keys() & pages.STATES.keys() == set()


@pytest.mark.django_db
def test_an_address_that_is_only_sent_to_refuses_a_get() -> None:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create(username="walker", role=Role.ADMIN))
    sent_to = [route for route, why in pages.NO_PAGES.items() if why == pages.SENT_TO]
    assert {route: client.get(address(route)).status_code for route in sent_to} == dict.fromkeys(sent_to, 405)


@pytest.mark.django_db
def test_a_file_is_no_page() -> None:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create(username="walker", role=Role.ADMIN))
    files = [route for route, why in pages.NO_PAGES.items() if why == pages.FILE and "<" not in route]
    kinds = {route: client.get(address(route))["Content-Type"] for route in files}
    assert {route: kind for route, kind in kinds.items() if "html" in kind} == {}
