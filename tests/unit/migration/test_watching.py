"""One text for everybody who watches a run."""

from __future__ import annotations

import threading
import time
from uuid import uuid4

from migration.watching import KEPT, shared_text


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
    assert shared_text(run, "9-running", str) == "1"  # so many asked for the text before


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
