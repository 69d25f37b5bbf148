"""`mosaic users`, run as on the server."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result
from django.test import RequestFactory

from mosaic_admin.cli import main, mosaic
from mosaic_admin.people import services
from mosaic_admin.people.models import User
from mosaic_admin.people.tokens import authenticate_token, create_token
from tests.unit.people.conftest import MakeUser

pytestmark = pytest.mark.django_db


def run(*args: str, given: str = "") -> Result:
    result = CliRunner().invoke(mosaic, ["users", *args], input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def may_sign_in(name: str, password: str) -> bool:
    return services.check_credentials(request=RequestFactory().post("/"), name=name, password=password).username == name


def test_create_prints_nothing_but_the_password_on_standard_output() -> None:
    result = run("create", "omar", "--role", "operator", "--email", "omar@northwind.example")
    assert result.exit_code == 0
    assert may_sign_in("omar", result.stdout.strip())
    assert User.objects.get().email == "omar@northwind.example"


def test_reset_takes_a_password_from_standard_input_and_does_not_repeat_it(make_user: MakeUser) -> None:
    make_user("maya")
    result = run("reset", "maya", "--password-stdin", given="brand-new-password-1\n")
    assert may_sign_in("maya", "brand-new-password-1")
    assert "brand-new" not in result.output


def test_reset_revokes_the_tokens_when_that_is_wanted(make_user: MakeUser) -> None:
    _, raw = create_token(name="ci", scopes=["doctor:read"], created_by=make_user("maya"))
    run("reset", "maya")
    assert authenticate_token(raw, "doctor:read")
    run("reset", "maya", "--revoke-tokens")
    assert authenticate_token(raw, "doctor:read") is None


def test_list_shows_name_role_and_state(make_user: MakeUser) -> None:
    make_user("maya", email="maya@northwind.example")
    make_user("zoe", is_active=False)
    lines = [line.split() for line in run("list").stdout.splitlines()]
    assert lines == [["maya", "admin", "active", "maya@northwind.example"], ["zoe", "admin", "closed"]]


def test_resetting_somebody_unknown_ends_with_a_code_and_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["users", "reset", "nobody"])
    assert caught.value.code == 2
    assert "MOS-ACC-002" in capsys.readouterr().err


def test_a_role_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["users", "create", "omar", "--role", "king"])
    assert not User.objects.exists()
