"""The published description against the running gateway: whatever is sent, the answer is one that it describes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compose.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.integration.gateway.conftest import Gateway, end, federated, new_gateway, prepare
from tests.servers import MakeDatabase

pytestmark = pytest.mark.integration
EXAMPLES = 3  # generated requests for each operation, beside those that try each bound of the description
MOST_S = 45  # schemathesis stops by itself then, with what it has seen
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
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"),
            "run",
            f"http://127.0.0.1:{gateway.port}/v1/openapi.json",
            f"--header=Authorization: Bearer {gateway.token}",
            "--exclude-path-regex=^/control/(pause|resume)$",  # the gateway would do it
            f"--checks={','.join(CHECKS)}",
            "--phases=examples,coverage,fuzzing",
            f"--max-examples={EXAMPLES}",
            f"--max-time={MOST_S}",
            "--request-timeout=30",  # a loaded machine; no answer at all is a failure
            "--seed=20261126",
            "--generation-database=none",
            "--continue-on-failure",
            "--no-shrink",
            "--no-color",
        ],
        cwd=tmp_path,  # it would read a configuration from here
        capture_output=True,
        text=True,
        timeout=4 * MOST_S,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"schemathesis: {done.stdout[-15_000:]}{done.stderr[-2_000:]}", pytrace=False)
    operations = len(re.findall(r'"operationId"', gateway.ask("GET", "/v1/openapi.json").text)) - 2
    assert f"Tested: {operations}" in done.stdout
