"""Run by test_activation_killed.py: activate, die by SIGKILL at one point after another, look at what is left.

    python kill_at_every_step.py [every]      one JSON object on stdout

A point is the moment before or after a call out of Python: every os, fcntl, io, tempfile and sqlite3 function, so every
system call boundary that Python can see; with `every`, each executed line of our modules and of Django's too. Each
child is a fork with the database and the file as they were; a second fork is the next process, which looks.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

HOME = Path(tempfile.mkdtemp(prefix="mosaic-kill-"))
FILE = HOME / "etc" / "mosaic.config.json"
OUTSIDE = {"posix", "_io", "fcntl", "sqlite3", "_sqlite3", "tempfile", "_socket"}
os.environ |= {"MOSAIC_HOME": str(HOME), "MOSAIC_CONFIG": str(FILE), "DJANGO_SETTINGS_MODULE": "mosaic_admin.settings"}


def document(folder: str) -> dict[str, Any]:
    from tiers.defaults import DEFAULT_LOCAL_CONFIG

    return {**DEFAULT_LOCAL_CONFIG, "storage": {"type": "pglite", "dataDir": folder}}


def prepare() -> int:
    """Make the database with two configurations, the first one active; return the number of the second."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    from tiers import services

    FILE.parent.mkdir(parents=True)
    call_command("migrate", verbosity=0)
    first = services.create_config(name="old", document=document("old"))
    services.activate(config_id=first.pk)
    second = services.create_config(name="new", document=document("new"))
    connections.close_all()
    return second.pk


class Killer:
    """Count the points of one activation, and end the process at the one that is wanted."""

    def __init__(self, wanted: int, *, every: bool) -> None:
        self.wanted, self.every, self.count = wanted, every, 0

    def __enter__(self) -> Killer:
        if self.every:
            sys.settrace(self._trace)
        else:
            sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if event in ("c_call", "c_return") and _is_outside(argument):
            self._point()

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event in ("line", "return"):
            self._point()
        return self._trace

    def _point(self) -> None:
        self.count += 1
        if self.count == self.wanted:
            os.kill(os.getpid(), signal.SIGKILL)


def _is_outside(function: Any) -> bool:
    owner = getattr(function, "__self__", None)
    module = getattr(function, "__module__", None) or getattr(type(owner), "__module__", "")
    return module in OUTSIDE or type(owner).__module__ in OUTSIDE


def in_child(work: Any) -> tuple[int, str]:
    """Run `work` in a fork; return the wait status and what it returned, as text."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        code = 0
        try:
            os.write(write, json.dumps(work()).encode())
        except Exception as exc:  # noqa: BLE001 - whatever it is, the parent reports it
            os.write(write, json.dumps(repr(exc)).encode())
            code = 1
        os._exit(code)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    return os.waitpid(pid, 0)[1], said


def activate(number: int, wanted: int, *, every: bool) -> int:
    from tiers import services

    with Killer(wanted, every=every) as killer:
        services.activate(config_id=number, why="killed")
    return killer.count


def look() -> dict[str, Any]:
    """Be the next process: settle, then say what file and rows hold."""
    from mosaic_admin.audit.models import AuditEvent
    from tiers import services
    from tiers.models import PendingActivation, TierConfig

    on_disk = FILE.read_text()
    active = services.active_config()
    return {
        "file": json.loads(on_disk)["storage"]["dataDir"],
        "is_whole": on_disk == services.pretty(json.loads(on_disk)),
        "row": active.name if active else None,
        "actives": TierConfig.objects.filter(is_active=True).count(),
        "activations": active.revisions.filter(action="activate").count() if active else 0,
        "audited": AuditEvent.objects.filter(action="configuration.activate", subject="new").count(),
        "drift": services.drift() is not None,
        "intents": PendingActivation.objects.count(),
        "beside": sorted(path.name for path in FILE.parent.iterdir()),
    }


GOOD = {"is_whole": True, "actives": 1, "activations": 1, "drift": False, "intents": 0, "beside": [FILE.name]}


def problems_of(found: dict[str, Any]) -> list[str]:
    wrong = [name for name, value in GOOD.items() if found[name] != value]
    wrong += ["file and row differ"] if found["file"] != found["row"] else []
    return wrong + (["audit"] if found["audited"] != (found["row"] == "new") else [])


def main(*, every: bool, step: int) -> dict[str, Any]:
    number = prepare()
    kept = HOME / "kept"
    shutil.copytree(FILE.parent, kept / "etc")
    for path in HOME.glob("control.sqlite3*"):
        shutil.copy(path, kept)
    ended, bad, point = Counter[str](), [], 1
    while True:
        restore(kept)
        status, said = in_child(partial(activate, number, point, every=every))
        if not os.WIFSIGNALED(status):
            if status:
                bad.append({"point": point, "said": said})
            break
        looked, found = in_child(look)
        state = json.loads(found)
        if looked or problems_of(state):
            bad.append({"point": point, "found": state, "wrong": [] if looked else problems_of(state)})
        else:
            ended[state["row"]] += 1
        point += step
    return {"points": point - 1, "old": ended["old"], "new": ended["new"], "bad": bad[:5], "bad_count": len(bad)}


def restore(kept: Path) -> None:
    shutil.rmtree(FILE.parent)
    shutil.copytree(kept / "etc", FILE.parent)
    for path in HOME.glob("control.sqlite3*"):
        path.unlink()
    for path in kept.glob("control.sqlite3*"):
        shutil.copy(path, HOME)


if __name__ == "__main__":
    try:
        result = main(every="every" in sys.argv, step=int(os.environ.get("MOSAIC_TEST_KILL_STEP", "1")))
        sys.stdout.write(json.dumps(result) + "\n")
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
