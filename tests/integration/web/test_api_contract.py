"""The dashboard's API against its published description, by a token that may read everything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.embedded import EmbeddedValkey
from tests import contract
from tests.control_plane import ControlPlane, control_plane

SCOPES = ("doctor:read", "migrations:read", "tiers:read")
# No 5xx but the doctor's own: it says 503 of an install that is ill, as it was asked to.
SETTINGS = '[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx", "503"]\n'
CHECKS = ("not_a_server_error", "response_schema_conformance", "ignored_auth")
SCHEMA = """
import json, django
django.setup()
import mosaic_admin.urls
from mosaic_admin.api import api
print(json.dumps(api.get_openapi_schema()))
"""
SOMETHING_TO_SHOW = """
import django
django.setup()
from migration.services import create_job
from tiers import DEFAULT_LOCAL_CONFIG
from tiers.services import create_config
create_config(name="a laptop", document=DEFAULT_LOCAL_CONFIG)
create_job(source_document={}, source_label="s", target_document={}, target_label="t", created_by_name="x", plan={})
"""


@pytest.fixture
def plane(tmp_path: Path, valkey: EmbeddedValkey) -> Iterator[ControlPlane]:
    config = tmp_path / "mosaic.config.json"
    with control_plane(tmp_path / "home", config, valkey.url, MOSAIC_TOKEN_RATE="0") as made:
        made.prepare(*SCOPES)
        made.run("-c", SOMETHING_TO_SHOW)
        made.start_web()
        yield made


def test_nothing_that_is_sent_to_the_dashboards_api_breaks_it(plane: ControlPlane, tmp_path: Path) -> None:
    schema = tmp_path / "openapi.json"
    schema.write_text(plane.run("-c", SCHEMA).stdout)
    operations = [method for path in json.loads(schema.read_text())["paths"].values() for method in path]
    tested = contract.run(str(schema), plane.token, tmp_path, f"--url={plane.url}", checks=CHECKS, settings=SETTINGS)
    assert tested == len(operations) > 5
    assert "Traceback" not in (plane.home / "logs" / "web.log").read_text()
