"""Generated bad configurations: each refused with path, reason and remedy; none crashes, is accepted or leaks.

500 by default. MOSAIC_TEST_BAD_CONFIGS=10000 is the long mode, MOSAIC_TEST_BAD_SEED moves the first number.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from django.test import Client

from mosaic_admin import redaction
from mosaic_admin.access import Role
from mosaic_admin.cli.config import command
from tests.unit.tiers.bad_configurations import DAMAGES, Bad, make_bad
from tests.unit.tiers.conftest import ClientOf
from tiers.models import TierConfig

COUNT = int(os.environ.get("MOSAIC_TEST_BAD_CONFIGS", "500"))
SEED = int(os.environ.get("MOSAIC_TEST_BAD_SEED", "20261126")) * 1_000_000


def run(bad: Bad, file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, str(file)], env=bad.environ)


def check(bad: Bad, file: Path) -> None:
    file.write_bytes(bad.content)
    answer = run(bad, file, "validate", "--json")
    assert isinstance(answer.exception, SystemExit), f"crashed: {answer.exception!r}"
    assert answer.exit_code == 78
    body = json.loads(answer.stdout)
    assert body["valid"] is False
    assert body["problems"]
    for problem in body["problems"]:
        assert problem["reason"]
        assert problem["remedy"]
        assert problem["path"] or not bad.has_path
    words = run(bad, file, "validate")
    shown = run(bad, file, "show")
    assert (words.exit_code, shown.exit_code != 0) == (78, True)
    assert words.output.count("Fix: ") == len(body["problems"])
    for said in (answer.output, words.output, shown.output, str(shown.exception), repr(shown.exception)):
        assert bad.core not in said


def test_every_bad_configuration_is_refused_with_path_reason_and_remedy_and_leaks_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Counter[str]()
    with caplog.at_level(logging.DEBUG):
        for number in range(SEED, SEED + COUNT):
            bad = make_bad(number, tmp_path)
            try:
                check(bad, tmp_path / "mosaic.config.json")
            except AssertionError as exc:
                raise AssertionError(f"number {number} ({bad.damage}): {bad.content[:600]!r}") from exc
            assert bad.core not in caplog.text, number
            caplog.clear()
            redaction.forget_secrets()  # no secret may be kept back only because an earlier one had its value
            seen[bad.damage] += 1
    assert set(seen) == {damage.__name__ for damage in DAMAGES} | {"broken_text"}


@pytest.mark.django_db
def test_the_editor_refuses_them_too(
    tmp_path: Path, config_file: Path, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: Client = client_of(Role.OPERATOR)
    for number in range(SEED, SEED + COUNT // 10):
        bad = make_bad(number, tmp_path)
        for name, value in bad.environ.items():
            monkeypatch.setenv(name, value)
        text = bad.content.decode(errors="replace").replace("\0", "")
        response = client.post("/tiers/new/", {"name": f"n{number}", "document": text, "why": "test"})
        # What this host lacks (a variable, a secret file) keeps nobody from saving; it is refused at activation.
        assert response.status_code in (422, 303), number
        assert bad.core not in response.content.decode(), number
        if response.status_code == 303:
            page = client.get(response["Location"]).content.decode()
            assert bad.core not in page, number
            config = TierConfig.objects.get(name=f"n{number}")
            answer = client.post(f"/tiers/{config.pk}/activate/", {"revision": 1, "file": "", "confirm": config.name})
            assert answer.status_code == 422, number
            assert answer.context["error"], number
            assert bad.core not in answer.content.decode(), number
    assert not config_file.exists()
