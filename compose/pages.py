"""What the page Stack shows, chosen here so that its templates hold no rules."""

from __future__ import annotations

import hashlib
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from compose import codes, services
from compose.choice import runtime_for
from compose.files import OVERLAY
from compose.logs import TAIL
from compose.models import ActionState, StackAction, Verb
from compose.runtime import POSTGRES, SERVICES, VALKEY, LogLine, ServiceState, ServiceStatus
from compose.services import Look
from mosaic_admin.env import Environment
from mosaic_admin.errors import MosaicError

# state → (look, word) of the tag `state`
LOOKS = {
    ServiceState.HEALTHY: ("ok", "Healthy"),
    ServiceState.STARTING: ("run", "Starting"),
    ServiceState.UNHEALTHY: ("fail", "Unhealthy"),
    ServiceState.PAUSED: ("paused", "Paused"),
    ServiceState.STOPPED: ("idle", "Stopped"),
    ServiceState.ABSENT: ("waiting", "Not started"),
}
SHOWN = timedelta(minutes=10)  # how long an action that went well stays on the page
DOING = {
    Verb.UP: "Starting",
    Verb.DOWN: "Stopping",
    Verb.RESTART: "Restarting",
    Verb.ROTATE: "Changing the passwords of",
}
DID = {Verb.UP: "Started", Verb.DOWN: "Stopped", Verb.RESTART: "Restarted", Verb.ROTATE: "Changed the passwords of"}
# why there is no status → the pill's words
NO_STATUS = {codes.NO_ENGINE: "No Docker engine here", codes.ENGINE_HANGS: "Docker does not answer"}
UNKNOWN = "State not known"
ANSWER_S = 1.0


@dataclass(frozen=True)
class Row:
    """One service of the table."""

    status: ServiceStatus
    look: str
    word: str
    digest: str  # shortened, as people compare them
    exit_words: str

    @classmethod
    def of(cls, status: ServiceStatus) -> Row:
        look, word = LOOKS[status.state]
        kind, _, value = status.digest.partition(":")
        short = f"{kind}:{value[:8]}…{value[-8:]}" if len(value) > 20 else status.digest
        exit_words = f"exit code {status.exit_code}" if status.exit_code else ""
        return cls(status, look, word, short, exit_words)


@dataclass(frozen=True)
class Seen:
    """A server as it looks from here, engine or not."""

    name: str
    endpoint: str
    answers: bool


@dataclass(frozen=True)
class StackPage:
    """The page's facts."""

    look: Look

    @classmethod
    def of(cls, environment: Environment) -> StackPage:
        return cls(services.look(environment))

    @property
    def rows(self) -> list[Row]:
        return [Row.of(item) for item in self.look.status.services] if self.look.status else []

    @property
    def others(self) -> list[Row]:
        return [Row.of(item) for item in self.look.status.others] if self.look.status else []

    @property
    def pill(self) -> tuple[str, str]:
        status = self.look.status
        if status is None:
            return "idle", NO_STATUS.get(self.look.problem.code, UNKNOWN) if self.look.problem else UNKNOWN
        if not status.is_up:
            return "idle", "Stopped" if status.volumes else "Not started"
        word = f"{status.healthy_count} of {len(status.services)} healthy"
        is_trouble = any(item.state is ServiceState.UNHEALTHY for item in status.services)
        return ("ok" if status.is_healthy else "fail" if is_trouble else "warn"), word

    @property
    def action(self) -> StackAction | None:
        """Return the action that is worth showing: one that runs or went wrong, or went well a moment ago."""
        action = self.look.action
        if action is None or action.is_active or action.effective_state is not ActionState.DONE:
            return action
        return action if action.finished_at and action.finished_at > timezone.now() - SHOWN else None

    @property
    def action_words(self) -> str:
        action = self.action
        if action is None:
            return ""
        what = action.service or "the stack"
        verb = Verb(action.verb)
        match action.effective_state:
            case ActionState.DONE:
                return f"{DID[verb]} {what}."
            case ActionState.FAILED:
                return f"{verb.label} did not work. All data is kept."
            case ActionState.INTERRUPTED:
                return f"{DOING[verb]} {what} was interrupted. All data is kept."
            case _:
                return f"{DOING[verb]} {what} …"

    @property
    def tag(self) -> str:
        """Return what changes when something on the page does; ages do not count."""
        status, action = self.look.status, self.look.action
        parts = [self.pill[1], self.look.problem.code.id if self.look.problem else ""]
        seen = (*status.services, *status.others) if status else ()
        parts += [f"{item.name}={item.state}/{item.since}/{item.digest}/{item.ports}" for item in seen]
        parts += [volume.name for volume in status.volumes] if status else []
        parts.append(f"{action.pk}/{action.version}/{action.effective_state}" if action else "")
        parts.append(str(self.look.is_supervised))
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def rendered(environment: Environment) -> tuple[str, MosaicError | None]:
    """Return what would be applied; where nothing can render it, the file itself."""
    try:
        return runtime_for(environment).config(), None
    except MosaicError as error:
        return OVERLAY.read_text(), error


def log_of(environment: Environment, service: str) -> list[LogLine]:
    """Return a service's last lines, newest last; a runtime that has none to give has none."""
    try:
        return runtime_for(environment).logs(service, tail=TAIL)
    except MosaicError:
        return []


def seen_from_here(environment: Environment) -> list[Seen]:
    """Try both ports, at once and for a second at most."""
    ends = ((POSTGRES, environment.postgres_port), (VALKEY, environment.valkey_port))
    with ThreadPoolExecutor(len(ends)) as pool:
        answers = list(pool.map(lambda end: _answers(end[1]), ends))
    return [Seen(name, f"127.0.0.1:{port}", is_there) for (name, port), is_there in zip(ends, answers, strict=True)]


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S):
            return True
    except OSError:
        return False


def is_service(name: str) -> bool:
    return name in SERVICES
