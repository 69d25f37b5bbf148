"""What page and command ask of the stack."""

from __future__ import annotations

import io
import logging
import tarfile
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from kombu.exceptions import OperationalError

from compose import actions, codes
from compose.choice import runtime_for, runtime_word
from compose.embedded.home_lock import is_held
from compose.files import BASE, EXAMPLE, FOLDER, OVERLAY
from compose.models import ActionState, StackAction, Verb
from compose.runtime import SERVICES, Runtime, Say, StackStatus
from mosaic_admin.audit.models import Action
from mosaic_admin.audit.services import record, record_if_possible
from mosaic_admin.broker import celery_app
from mosaic_admin.env import Environment
from mosaic_admin.errors import MosaicError

TASK = "compose.act"
AUDITED = {
    Verb.UP: Action.STACK_UP,
    Verb.DOWN: Action.STACK_DOWN,
    Verb.RESTART: Action.STACK_RESTART,
    Verb.ROTATE: Action.STACK_ROTATE,
}
ARCHIVED = (OVERLAY, BASE, EXAMPLE, FOLDER / "pg-init", FOLDER / "valkey")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """The stack as the page shows it: its status, or why there is none; and the last action."""

    runtime: str
    project: str
    status: StackStatus | None
    problem: MosaicError | None
    action: StackAction | None
    is_supervised: bool  # `mosaic demo` starts again what stops

    @property
    def may_act(self) -> bool:
        return self.status is not None and not self.is_supervised and not (self.action and self.action.is_active)


def look(environment: Environment) -> Look:
    """Ask the runtime, never a server of the stack. An engine that is not there is an answer, not an error."""
    status, problem = None, None
    word = runtime_word(environment)
    try:
        status = runtime_for(environment).status()
    except MosaicError as error:
        problem = error
    action = StackAction.objects.filter(project=environment.stack_project).first()
    return Look(word, environment.stack_project, status, problem, action, is_supervised(environment, word))


def is_supervised(environment: Environment, runtime: str) -> bool:
    """Say whether a running `mosaic demo` looks after the servers of this home that the runtime would act on."""
    return runtime == "embedded" and is_held(environment.home.resolve())


def request_action(environment: Environment, *, verb: Verb, service: str = "", person: Any = None) -> StackAction:
    """Queue an action for a worker, and note it in the audit log.

    Raises:
        MosaicError: MOS-STK-018 (another one runs), MOS-STK-019 (supervised), MOS-STK-020 (queue down, nothing done).
    """
    word = runtime_word(environment)
    action = _begin(environment, word, verb=verb, service=service, person=person, state=ActionState.QUEUED)
    try:
        celery_app().send_task(TASK, args=[action.pk])
    except (OperationalError, OSError) as exc:
        StackAction.objects.filter(pk=action.pk).delete()
        raise MosaicError(
            "The job queue (the control plane's Valkey) does not answer, so no worker can be told. Nothing was done.",
            remediation=f"Start it, then try again; from a shell, `mosaic stack {verb.value}` needs no queue.",
            code=codes.NO_QUEUE,
        ) from exc
    return action


def run_here(environment: Environment, runtime: Runtime, *, verb: Verb, service: str = "", say: Say) -> None:
    """Do an action in this process, for the command line; on a host without a control database as well."""
    try:
        action = _begin(environment, runtime.name, verb=verb, service=service, state=ActionState.RUNNING)
    except DatabaseError:  # the stack comes before the control plane on a new host
        log.info("No control database: the action is not in the page's list")
        record_if_possible(AUDITED[verb], f"stack {environment.stack_project}", after=_what(service))
        actions.act(verb, service, runtime, say)
        return
    actions.carry_out(action, lambda: runtime, say)


def _begin(
    environment: Environment, runtime: str, *, verb: Verb, service: str, state: ActionState, person: Any = None
) -> StackAction:
    if is_supervised(environment, runtime):
        raise MosaicError(
            "`mosaic demo` runs these servers and starts again what stops.",
            remediation="Stop the demo with Ctrl-C in its terminal; its data stays.",
            code=codes.SUPERVISED,
        )
    actions.give_up_stale(environment.stack_project)
    try:
        with transaction.atomic():
            action = StackAction.objects.create(
                verb=verb,
                service=service,
                project=environment.stack_project,
                state=state,
                by=person,
                by_name=person.get_username() if person else "command line",
            )
            subject = f"stack {environment.stack_project}"
            record(AUDITED[verb], subject, link="/stack/", after=_what(service), person=person)
    except IntegrityError as exc:
        raise MosaicError(
            "Another action on the stack is not over yet.",
            remediation="Follow it on the page Stack and try again when it is done; one that hangs is given up after "
            "a minute without a sign of life.",
            code=codes.ACTION_RUNS,
        ) from exc
    return action


def _what(service: str) -> dict[str, Any]:
    return {"services": [service] if service else list(SERVICES)}


def archive() -> bytes:
    """Return the compose files as compose.tar.gz, for a host where Mosaic is not installed. No secret is in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path in ARCHIVED:
            tar.add(path, arcname=f"compose/{path.relative_to(FOLDER)}", filter=_anonymous)
    return buffer.getvalue()


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave this host's account and times out."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry
