"""Who shares a run with whom: threads of one process, processes of one host, and nobody who asked too late."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from doctor.formats import as_compact_json
from doctor.reading import read_report
from doctor.report import Report
from doctor.runner import run_probes
from doctor.sharing import forget_shared_runs, shared_run
from mosaic_admin.wiring import ALL_CODES
from tests.unit.doctor.conftest import BAD, SOSO, ReportAt


class Counted:
    """A run that takes a while and counts itself."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.count, self.takes_s = 0, takes_s

    def __call__(self) -> Report:
        self.count += 1
        begun = datetime.now(UTC)
        time.sleep(self.takes_s)
        return replace(run_probes([]), generated_at=begun, duration_ms=round(self.takes_s * 1000))


def ask(run: Counted, folder: Path, *, share_s: float = 0.0, is_forced: bool = False) -> Report:
    return shared_run("x", run, read=read, write=as_compact_json, folder=folder, share_s=share_s, is_forced=is_forced)


def read(text: str) -> Report:
    return read_report(json.loads(text), ALL_CODES)


def test_callers_during_a_run_get_that_run_and_a_later_one_its_own(tmp_path: Path) -> None:
    run = Counted(0.5)
    threads = [threading.Thread(target=ask, args=(run, tmp_path)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run.count == 1
    time.sleep(0.01)
    ask(run, tmp_path)
    assert run.count == 2


def test_a_report_is_given_again_for_the_time_that_is_set_unless_something_was_changed(tmp_path: Path) -> None:
    run = Counted()
    ask(run, tmp_path, share_s=30)
    ask(run, tmp_path, share_s=30)
    assert run.count == 1
    ask(run, tmp_path, share_s=30, is_forced=True)
    assert run.count == 2


HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "r+")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
text = sys.stdin.read()
time.sleep(1)
file.truncate(0)
file.write(text)
"""


@pytest.mark.parametrize("written", ["during the wait", "long ago", "cut off"])
def test_another_process_is_waited_for_and_what_it_found_is_taken_if_it_ended_after_the_question(
    written: str, tmp_path: Path
) -> None:
    ask(Counted(), tmp_path)  # makes the file
    (file,) = tmp_path.glob("doctor-*.json")
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        begun = datetime.now(UTC)
        theirs = replace(run_probes([]), tier="federated", generated_at=begun, duration_ms=900)
        text = {
            "during the wait": as_compact_json(theirs),
            "long ago": as_compact_json(replace(theirs, duration_ms=-60_000)),
            "cut off": "{",
        }[written]
        other.stdin.write(text)
        other.stdin.close()
        forget_shared_runs()
        own = Counted()
        report = ask(own, tmp_path)
    assert (datetime.now(UTC) - begun).total_seconds() >= 0.8
    assert (report.tier, own.count) == (("federated", 0) if written == "during the wait" else (None, 1))


def test_without_a_writable_home_the_doctor_still_looks(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = Counted()
    assert ask(run, tmp_path / "file" / "run").findings == ()


def test_a_stored_report_reads_back_as_it_was(report_at: ReportAt) -> None:
    body = report_at(0, BAD, SOSO).as_dict()
    assert read_report(body, ALL_CODES).as_dict() == body
