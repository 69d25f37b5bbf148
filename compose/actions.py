"""Carrying out one action: claimed once, followed live, its end written down whatever happens."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import F
from django.utils import timezone

from compose import codes
from compose.models import ActionState, StackAction, Verb
from compose.runtime import Runtime, Say
from mosaic_admin.codes import BUG
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact

HEARTBEAT_S = 2.0
FLUSH_S = 0.5  # how often live output is written
KEPT_LINES = 400

log = logging.getLogger(__name__)


class Transcript:
    """Collects an action's lines and writes them, and a heartbeat, from a thread of its own: a pull may say nothing
    for minutes."""

    def __init__(self, action_id: int) -> None:
        self._id = action_id
        self._lines: list[str] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"stack-action-{action_id}", daemon=True)

    def say(self, text: str) -> None:
        self._lines = [*self._lines[-KEPT_LINES:], redact(text)]

    @property
    def text(self) -> str:
        return "\n".join(self._lines[-KEPT_LINES:])

    def __enter__(self) -> Transcript:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(5)

    def _run(self) -> None:
        written, beat = "", 0.0
        try:
            while not self._is_over.wait(FLUSH_S):
                text, now = self.text, time.monotonic()
                if text == written and now - beat <= HEARTBEAT_S:
                    continue
                try:
                    _write(self._id, ActionState.RUNNING, output=text, heartbeat_at=timezone.now())
                except DatabaseError:  # without a heartbeat the action would be given up while it goes on
                    log.warning("The control plane did not take the action's heartbeat; trying again")
                    continue
                written, beat = text, now
        finally:
            connection.close()  # Django opens one per thread and closes none of ours


def carry_out(action: StackAction, make_runtime: Callable[[], Runtime], say: Say = lambda _: None) -> None:
    """Do a claimed action and write its end; the error of one that failed is written and raised.

    Raises:
        MosaicError: what the runtime refused; a bug becomes MOS-BUG-001 in the row and is raised as it is.
    """
    with Transcript(action.pk) as transcript:

        def both(text: str) -> None:
            transcript.say(text)
            say(text)

        error = _attempt(lambda: act(Verb(action.verb), action.service, make_runtime(), both))
    end: dict[str, Any] = {
        "state": ActionState.DONE if error is None else ActionState.FAILED,
        "output": transcript.text,
    }
    if error is not None:
        end |= _told(error)
    _write(action.pk, ActionState.RUNNING, finished_at=timezone.now(), **end)
    if error is not None:
        raise error


def claim(action_id: int) -> StackAction | None:
    """Take a queued action; None when somebody else did, or it was given up."""
    now = timezone.now()
    if not _write(action_id, ActionState.QUEUED, state=ActionState.RUNNING, heartbeat_at=now):
        return None
    return StackAction.objects.get(pk=action_id)


def give_up_stale(project: str) -> None:
    """Write down as interrupted what nobody works on any more, so that it blocks nothing."""
    for action in StackAction.objects.filter(project=project, state__in=(ActionState.QUEUED, ActionState.RUNNING)):
        if not action.is_active:
            _write(
                action.pk,
                ActionState(action.state),
                state=ActionState.INTERRUPTED,
                finished_at=timezone.now(),
                error_code=codes.INTERRUPTED.id,
                error_message="Whoever worked on it is gone.",
                error_remediation="Look at the services' state, then do it again: every action can be repeated.",
            )


def _attempt(work: Callable[[], None]) -> Exception | None:
    try:
        work()
    except Exception as exc:
        if not isinstance(exc, MosaicError):
            log.exception("An action on the stack failed")
        return exc
    return None


def act(verb: Verb, service: str, runtime: Runtime, say: Say) -> None:
    """Do it, with no row to follow it by."""
    match verb:
        case Verb.UP:
            runtime.up(say)
        case Verb.DOWN:
            runtime.down(say)
        case Verb.RESTART:
            runtime.restart(service or None, say)
        case Verb.ROTATE:
            runtime.rotate(say)


def _told(error: Exception) -> dict[str, str]:
    if isinstance(error, MosaicError):
        told = {"error_code": error.code.id, "error_message": error.message, "error_remediation": error.remediation}
    else:
        told = {
            "error_code": BUG.id,
            "error_message": BUG.meaning,
            "error_remediation": "Report it with the worker's log lines; they hold no secret.",
        }
    return {name: redact(text) for name, text in told.items()}


def _write(action_id: int, expected: ActionState, **values: Any) -> bool:
    rows = StackAction.objects.filter(pk=action_id, state=expected)
    return rows.update(version=F("version") + 1, **values) == 1
