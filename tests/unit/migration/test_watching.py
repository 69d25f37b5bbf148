"""One text for everybody who watches a run."""

from __future__ import annotations

import threading
import time
from uuid import uuid4

import pytest

from migration import watching
from migration.watching import KEPT, count_question, shared_text


def test_fifty_who_ask_at_once_have_it_made_once_and_another_tag_makes_it_anew() -> None:
    run, made, got = uuid4(), [], []

    def make(_: int) -> str:
        made.append(1)
        time.sleep(0.05)  # the others ask meanwhile
        return f"text {len(made)}"

    threads = [threading.Thread(target=lambda: got.append(shared_text(run, "7-running", make))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["text 1"] * 50
    assert shared_text(run, "8-running", make) == "text 2"


@pytest.mark.parametrize(("watchers", "pause"), [(1, 1), (8, 1), (13, 2), (27, 2), (34, 3), (50, 3)])
def test_of_many_watchers_each_is_told_to_ask_less_often(
    monkeypatch: pytest.MonkeyPatch, watchers: int, pause: int
) -> None:
    run, now, told = uuid4(), 1000.0, 1
    monkeypatch.setattr(watching, "monotonic", lambda: now)
    due = [1000 + number / watchers for number in range(watchers)]  # each asks when it was told to
    for tick in range(3000):
        now = 1000 + tick / 100
        for number, at in enumerate(due):
            if at <= now:
                count_question(run)
                told = int(shared_text(run, f"{now:.0f}", str))
                due[number] = now + told
        if tick > 600:
            assert told == pause, now


def test_a_failure_is_kept_for_nobody_and_old_runs_are_forgotten() -> None:
    run = uuid4()

    def fail(_: int) -> str:
        raise ValueError

    for _ in range(2):
        try:
            shared_text(run, "1", fail)
        except ValueError:
            continue
        raise AssertionError("the failure was swallowed")
    assert shared_text(run, "1", lambda _: "good") == "good"
    for _ in range(KEPT):
        shared_text(uuid4(), "1", lambda _: "other")
    assert shared_text(run, "1", lambda _: "anew") == "anew"
