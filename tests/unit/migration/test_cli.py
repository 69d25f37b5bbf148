from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from migration import queue
from migration.models import MigrationJob
from mosaic_admin.cli import main
from tests.unit.migration.conftest import SOURCE, TARGET

pytestmark = pytest.mark.django_db
Make = Callable[..., MigrationJob]
Read = pytest.CaptureFixture[str]
MIGRATE = ("migrate-tier", "--to", "federated")


def mosaic(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["storage", *words])
    return int(ended.value.code or 0)


@pytest.fixture
def ends(tmp_path: Path) -> tuple[str, ...]:
    for name, document in (("a.json", SOURCE), ("b.json", TARGET)):
        (tmp_path / name).write_text(json.dumps(document))
    return "--from", str(tmp_path / "a.json"), "--target", str(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("migrate-tier", "--to", "local"), 2),
        ((*MIGRATE, "--yes"), 2),
        ((*MIGRATE, "--from", "nowhere.json"), 78),
        ((*MIGRATE, "--skip-table", "agents"), 2),
        ((*MIGRATE, "--map-value", "tasks=todo"), 2),
        ((*MIGRATE, "--drop-column", "tasks"), 2),
        ((*MIGRATE, "--resume"), 2),
        (("cancel", "99"), 2),
        (("status", "99"), 2),
    ],
)
def test_wrong_words_have_their_exit_code_and_say_how_to_go_on(capsys: Read, words: tuple[str, ...], code: int) -> None:
    assert mosaic(*words) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Fix: " in shown.err or "Usage: " in shown.err


def test_without_a_broker_nothing_is_created_and_inline_is_named(
    ends: tuple[str, ...], capsys: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> None:
        raise queue.broker_down()

    monkeypatch.setattr(queue, "ensure_broker", down)
    assert mosaic(*MIGRATE, *ends, "--dry-run") == 69
    assert "--inline" in capsys.readouterr().err
    assert not MigrationJob.objects.exists()


def test_an_error_with_json_is_one_document_on_stdout(capsys: Read) -> None:
    assert mosaic("status", "99", "--json") == 2
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"]["remediation"]
    assert shown.err == ""


def test_status_lists_runs_and_shows_one(in_state: Make, capsys: Read) -> None:
    in_state("interrupted")
    assert mosaic("status") == 0
    assert "Interrupted" in capsys.readouterr().out
    assert mosaic("status", "1") == 0
    shown = capsys.readouterr().out
    assert "Nothing is lost" in shown
    assert "--resume" in shown
    assert mosaic("status", "1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "interrupted"


def test_the_certificate_of_a_verified_run_is_printed_as_it_was_signed(in_state: Make, capsys: Read) -> None:
    job = in_state("verified")
    assert mosaic("certificate", "1") == 0
    assert json.loads(capsys.readouterr().out) == job.result["certificate"]
    in_state("failed")
    assert mosaic("certificate", "2") == 2
    assert "Only a verified run" in capsys.readouterr().err


def test_pause_resume_and_cancel_act_on_the_run(in_state: Make, capsys: Read) -> None:
    job = in_state("running")
    assert mosaic("pause", "1") == 0
    job.refresh_from_db()
    assert job.control == "pause"
    MigrationJob.objects.filter(pk=job.pk).update(state="paused", lease_owner="", lease_expires_at=None)
    assert mosaic("resume", "1") == 0
    assert mosaic("cancel", "1") == 2
    assert mosaic("cancel", "1", "--confirm", "run 1") == 0
    job.refresh_from_db()
    assert job.state == "cancelled"
