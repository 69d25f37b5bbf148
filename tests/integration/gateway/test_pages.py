"""The dashboard's page about a real gateway, and its buttons."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from compose.embedded.ports import free_port
from gateway import files, services
from mosaic_admin import env
from mosaic_admin.audit.models import AuditEvent
from tests.integration.gateway.conftest import Gateway, standalone, with_port

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]


@pytest.fixture
def sign_in() -> SignIn:
    def make(role: str) -> Client:
        person = get_user_model().objects.create(username=f"{role}-person", password="!", role=role)
        client = Client()
        client.force_login(person)
        return client

    return make


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[Gateway], None]:
    """Point the dashboard of this process at a gateway."""

    def point(gateway: Gateway) -> None:
        settings = env.load().model_copy(
            update={"home": gateway.home, "config": gateway.config, "gateway_port": gateway.port}
        )
        monkeypatch.setattr(services.env, "load", lambda: settings)

    return point


def test_an_operator_pauses_and_resumes_and_goes_on_where_the_form_says(
    shared_gateway: Gateway, at: Callable[[Gateway], None], sign_in: SignIn
) -> None:
    at(shared_gateway)
    client = sign_in("operator")
    page = client.get("/gateway/").content.decode()
    assert "Serving" in page
    assert "Pause gateway" in page
    assert "A gateway on" in page
    assert shared_gateway.ask("GET", "/control/status").json()["holder"] in page
    asked = client.get("/gateway/pause/").content.decode()
    assert "Pause the gateway?" in asked
    assert shared_gateway.state() == "serving"
    paused = client.post("/gateway/pause/", {"next": "/people/"})
    assert (paused.status_code, paused["Location"]) == (303, "/people/")
    assert shared_gateway.state() == "paused"
    page = client.get("/gateway/").content.decode()
    assert "Resume gateway" in page
    assert "Not held by it" in page
    assert "Nobody. A migration could start." in page
    assert "Resume the gateway?" in client.get("/gateway/resume/").content.decode()
    assert shared_gateway.state() == "paused"
    assert client.post("/gateway/resume/")["Location"] == "/gateway/"
    noted = list(AuditEvent.objects.order_by("pk").values_list("action", "who"))
    assert noted == [("gateway.pause", "operator-person"), ("gateway.resume", "operator-person")]
    assert shared_gateway.state() == "serving"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_a_foreign_next_leads_to_the_gateway_page(
    shared_gateway: Gateway, at: Callable[[Gateway], None], sign_in: SignIn, target: str
) -> None:
    at(shared_gateway)
    assert sign_in("admin").post("/gateway/resume/", {"next": target})["Location"] == "/gateway/"


def test_support_sees_the_page_and_no_buttons_and_may_not_pause(
    shared_gateway: Gateway, at: Callable[[Gateway], None], sign_in: SignIn
) -> None:
    at(shared_gateway)
    client = sign_in("support")
    assert "Pause gateway" not in client.get("/gateway/").content.decode()
    assert client.post("/gateway/pause/").status_code == 403
    assert client.get("/gateway/pause/").status_code == 403
    assert shared_gateway.state() == "serving"


def test_an_unchanged_page_answers_304(shared_gateway: Gateway, at: Callable[[Gateway], None], sign_in: SignIn) -> None:
    at(shared_gateway)
    client = sign_in("support")
    fragment = client.get("/gateway/", headers={"HX-Request": "true"})
    assert "<html" not in fragment.content.decode()
    assert 'id="gateway-pill" hx-swap-oob="true"' in fragment.content.decode()  # a page that polls must not lie above
    again = client.get("/gateway/", headers={"HX-Request": "true", "HX-PTag": fragment["HX-PTag"]})
    assert again.status_code == 304


def test_a_refused_start_is_shown_with_its_reason(
    make_gateway: Callable[..., Gateway], store_url: str, at: Callable[[Gateway], None], sign_in: SignIn
) -> None:
    gateway = make_gateway(standalone(store_url))
    at(gateway)
    facts = {"code": "MOS-GW-006", "exit_code": 76, "found": "No table.", "expected": "Tables.", "fix": "Make them."}
    files.write_state(gateway.home, "refused", refusal=facts)
    page = sign_in("support").get("/gateway/").content.decode()
    for word in ("Refused to start", "No table.", "Tables.", "Make them.", "MOS-GW-006"):
        assert word in page


def test_a_running_gateway_still_tells_of_the_start_that_it_refused(
    make_gateway: Callable[..., Gateway], store_url: str, at: Callable[[Gateway], None], sign_in: SignIn
) -> None:
    gateway = make_gateway(standalone(with_port(store_url, free_port())))
    at(gateway)
    assert gateway.refuse(60.0)[0] == 69
    gateway.write_config(standalone(store_url))
    gateway.start()
    page = sign_in("support").get("/gateway/").content.decode()
    for word in ("Serving since", "Before that it refused a start", "MOS-PG-002", "refused the connection"):
        assert word in page, word
    assert "None: the gateway could not read them" in page  # this home has no dashboard database
    gateway.stop()
    page = sign_in("admin").get("/gateway/").content.decode()
    assert "Stopped" in page
    assert "The gateway refused to start." not in page


def test_a_stopped_gateway_and_a_broken_configuration_still_give_a_page(
    make_gateway: Callable[..., Gateway], at: Callable[[Gateway], None], sign_in: SignIn
) -> None:
    gateway = make_gateway("{")
    at(gateway)
    client = sign_in("operator")
    page = client.get("/gateway/")
    assert page.status_code == 200
    assert "Stopped" in page.content.decode()
    assert "Unknown" in page.content.decode()
    answer: Any = client.post("/gateway/pause/", follow=True)
    assert "MOS-GW-030" in answer.content.decode()
    assert json.dumps("{") not in answer.content.decode()
