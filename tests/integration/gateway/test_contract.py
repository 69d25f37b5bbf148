"""The published description against the running gateway: whatever is sent, the answer is one that it describes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from tests import contract
from tests.integration.gateway.conftest import Gateway, end, federated, new_gateway, prepare
from tests.servers import MakeDatabase

pytestmark = pytest.mark.integration
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
)


@pytest.fixture
def gateway(
    postgres: EmbeddedPostgres,
    make_database: MakeDatabase,
    valkey: EmbeddedValkey,
    tmp_path: Path,
    django_db_blocker: Any,
) -> Iterator[Gateway]:
    url = make_database(postgres)
    with django_db_blocker.unblock():
        prepare(url, vector=True, tasks=10)
    made = new_gateway(tmp_path / "gateway", federated(url, valkey.url))
    made.start()
    yield made
    end(made)


def test_every_answer_is_one_that_the_description_has(gateway: Gateway, tmp_path: Path) -> None:
    schema = f"http://127.0.0.1:{gateway.port}/v1/openapi.json"
    excluded = "--exclude-path-regex=^/control/(pause|resume)$"  # the gateway would do it
    tested = contract.run(schema, gateway.token, tmp_path, excluded, checks=CHECKS)
    assert tested == len(re.findall(r'"operationId"', gateway.ask("GET", "/v1/openapi.json").text)) - 2
