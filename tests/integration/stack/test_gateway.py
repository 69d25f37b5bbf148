"""The gateway in the federated tier on the stack: it serves, and refuses with the right code when a server is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.engine import ComposeStack, cut_off, paused, stopped
from tests.integration.gateway.conftest import Gateway, end, federated, new_gateway, prepare
from tests.integration.stack.conftest import make_target

Fault = Callable[[ComposeStack, str], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def store_url(compose_stack: ComposeStack, django_db_blocker: Any) -> str:
    make_target(compose_stack, "served")
    url = compose_stack.postgres_url("served")
    with django_db_blocker.unblock():
        prepare(url, vector=True, tasks=3)
    return url


@pytest.fixture
def gateway(compose_stack: ComposeStack, store_url: str, tmp_path: Path) -> Iterator[Gateway]:
    made = new_gateway(tmp_path / "gateway", federated(store_url, compose_stack.valkey_url))
    yield made
    end(made)


def test_the_gateway_boots_in_the_federated_tier_and_serves(gateway: Gateway, store_url: str) -> None:
    gateway.start()
    status = gateway.ask("GET", "/control/status").json()
    assert (status["state"], status["tier"]) == ("serving", "federated")
    assert len(gateway.ask("GET", "/v1/tasks").json()["items"]) == 3
    with psycopg.connect(store_url) as connection:
        holders = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        assert holders.fetchone() == (1,)
    assert gateway.stop() == 0


@pytest.mark.parametrize(
    ("fault", "service"),
    [
        (stopped, "postgres-federated"),
        (paused, "postgres-federated"),
        (cut_off, "postgres-federated"),
        (stopped, "valkey-federated"),
    ],
)
def test_the_gateway_refuses_without_a_server(
    compose_stack: ComposeStack, gateway: Gateway, fault: Fault, service: str
) -> None:
    with fault(compose_stack, service):
        code, words, seconds = gateway.refuse()
    assert code == 69, words
    assert "The gateway does not start." in words
    assert seconds < 15  # importing Django on a busy machine included; the gate's own limit has a test of its own
    assert compose_stack.secret("federated-postgres") not in words
    assert compose_stack.secret("federated-valkey") not in words


def test_the_gateway_boots_again_after_the_network_came_back(compose_stack: ComposeStack, gateway: Gateway) -> None:
    with cut_off(compose_stack, "postgres-federated"):
        assert gateway.refuse()[0] == 69
    compose_stack.up()
    gateway.start()
    assert gateway.state() == "serving"
