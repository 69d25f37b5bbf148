"""One error, one shape, for whoever asked."""

from __future__ import annotations

import logging

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from mosaic_admin import urls
from mosaic_admin.access import READERS, Role, allow, public
from mosaic_admin.codes import PORT_TAKEN
from mosaic_admin.errors import MosaicError
from mosaic_admin.people.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@public
def refuse(request: HttpRequest) -> HttpResponse:
    raise MosaicError("Port 8000 is taken by password=hunter2hunter2.", remediation="Set it.", code=PORT_TAKEN)


@public
def crash(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("password=hunter2hunter2")


@allow(READERS)
def fragment(request: HttpRequest) -> HttpResponse:
    return HttpResponse("fine")


handler403, handler404, handler500 = urls.handler403, urls.handler404, urls.handler500
urlpatterns = [
    *urls.urlpatterns,
    path("refuse/", refuse),
    path("api/refuse/", refuse),
    path("crash/", crash),
    path("api/crash/", crash),
    path("fragment/", fragment),
]


@pytest.fixture
def signed_in() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create(username="maya", role=Role.SUPPORT))
    return client


def test_an_expected_error_is_a_page_with_code_message_and_remedy(signed_in: Client) -> None:
    response = signed_in.get("/refuse/")
    page = response.content.decode()
    assert response.status_code == PORT_TAKEN.http_status
    assert all(text in page for text in (PORT_TAKEN.id, "Port 8000 is taken", "Set it.", "Overview"))


def test_htmx_gets_the_error_as_a_fragment(signed_in: Client) -> None:
    page = signed_in.get("/refuse/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert PORT_TAKEN.id in page


def test_the_api_gets_the_error_as_json(client: Client) -> None:
    response = client.get("/api/refuse/")
    assert response.status_code == PORT_TAKEN.http_status
    assert response.json()["error"]["code"] == PORT_TAKEN.id


def test_somebody_signed_out_gets_the_bare_page(client: Client) -> None:
    page = client.get("/refuse/").content.decode()
    assert PORT_TAKEN.id in page
    assert 'class="sidebar"' not in page


@pytest.mark.parametrize("address", ["/refuse/", "/api/refuse/", "/crash/", "/api/crash/"])
def test_no_error_page_shows_a_secret(signed_in: Client, address: str) -> None:
    assert "hunter2" not in signed_in.get(address).content.decode()


def test_a_bug_is_a_generic_page_with_its_code(signed_in: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "django.request"):
        response = signed_in.get("/crash/")
    assert response.status_code == 500
    assert "MOS-BUG-001" in response.content.decode()
    assert "ZeroDivisionError" not in response.content.decode()
    assert any(record.exc_info for record in caplog.records)


def test_an_unknown_address_is_a_page_in_the_shell(signed_in: Client) -> None:
    response = signed_in.get("/no-such-page/")
    assert response.status_code == 404
    assert "MOS-ACC-002" in response.content.decode()
    assert 'class="sidebar"' in response.content.decode()


def test_a_forged_form_is_refused_with_a_remedy() -> None:
    response = Client(enforce_csrf_checks=True).post("/sign-in/", {"name": "maya", "password": "x"})
    assert response.status_code == 403
    assert "MOS-ACC-008" in response.content.decode()


def test_htmx_is_sent_to_sign_in_as_a_whole_page(client: Client) -> None:
    response = client.get("/fragment/", headers={"HX-Request": "true"})
    assert (response.status_code, response["HX-Redirect"]) == (200, "/sign-in/?next=%2F")


def test_signing_in_again_leads_back_to_the_page_that_polled(client: Client) -> None:
    page = {"HX-Request": "true", "HX-Current-URL": "http://testserver/migrations/7/?still=1"}
    assert client.get("/fragment/", headers=page)["HX-Redirect"] == "/sign-in/?next=%2Fmigrations%2F7%2F%3Fstill%3D1"
    elsewhere = page | {"HX-Current-URL": "https://evil.example/x"}
    assert client.get("/fragment/", headers=elsewhere)["HX-Redirect"] == "/sign-in/?next=%2F"


def test_the_content_policy_allows_nothing_inline(client: Client) -> None:
    policy = client.get("/sign-in/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


@override_settings(DEBUG=False)
@pytest.mark.parametrize("text", ['{"tier": "team"}', "not json", '{"tier": []}', "[]", "[" * 100_000, None])
def test_the_shell_survives_any_configuration_file(signed_in: Client, text: str | None) -> None:
    from django.conf import settings

    config = settings.ENV.config
    config.unlink(missing_ok=True)
    if text is not None:
        config.write_text(text)
    page = signed_in.get("/").content.decode()
    config.unlink(missing_ok=True)
    word = {'{"tier": "team"}': "standalone", None: "not configured"}.get(text, "unreadable")
    assert f"<code>{word}</code>" in page
