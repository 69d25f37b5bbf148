"""What the dashboard shows of the gateway and asks of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from gateway import codes, files
from gateway.client import GatewayClient
from gateway.errors import GatewayNotRunningError
from mosaic_admin import env
from mosaic_admin.canonical import canonical_json
from mosaic_admin.errors import MosaicError
from store.ledger import LockHolder, lock_holders, parse_holder
from tiers.config import PgliteStorage, load_config
from tiers.pglite.directory import lock_holder
from tiers.postgres import connect, driver_errors

HOLDERS_TIMEOUT_S = 2.0


class GatewayState(StrEnum):
    SERVING = "serving"
    STARTING = "starting"
    PAUSING = "pausing"
    PAUSED = "paused"
    BUSY = "busy"
    LOST = "lost"
    REFUSED = "refused"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


_LOOKS = {
    GatewayState.SERVING: ("ok", "Serving"),
    GatewayState.STARTING: ("run", "Starting"),
    GatewayState.PAUSING: ("run", "Pausing"),
    GatewayState.PAUSED: ("idle", "Paused"),
    GatewayState.BUSY: ("warn", "Waiting for a migration"),
    GatewayState.LOST: ("fail", "Lost its lock"),
    GatewayState.REFUSED: ("fail", "Refused to start"),
    GatewayState.STOPPED: ("idle", "Stopped"),
    GatewayState.UNKNOWN: ("warn", "Unknown"),
}


@dataclass(frozen=True)
class GatewayStatus:
    """One look at the gateway: in this state since `at`.

    `refusal` has code, found, expected, fix and exit_code; `last_refusal` code, found and at, of a start before this.
    """

    state: GatewayState
    address: str
    tier: str = ""
    store: str = ""
    holder: str = ""
    in_flight: int = 0
    since_s: float | None = None
    at: datetime | None = None
    refusal: dict[str, Any] | None = None
    last_refusal: dict[str, Any] | None = None
    tokens: dict[str, Any] = field(default_factory=dict)  # known, as_of, is_current
    holders: list[LockHolder] = field(default_factory=list)
    holders_problem: MosaicError | None = None

    @property
    def look(self) -> str:
        return _LOOKS[self.state][0]

    @property
    def word(self) -> str:
        return _LOOKS[self.state][1]

    @property
    def is_running(self) -> bool:
        return self.state not in (GatewayState.REFUSED, GatewayState.STOPPED, GatewayState.UNKNOWN)

    @property
    def can_pause(self) -> bool:
        return self.is_running and self.state not in (GatewayState.PAUSED, GatewayState.PAUSING)

    @property
    def can_resume(self) -> bool:
        return self.state in (GatewayState.PAUSED, GatewayState.PAUSING)

    def as_dict(self) -> dict[str, Any]:
        return {
            "state": self.state.value,
            "address": self.address,
            "tier": self.tier,
            "store": self.store,
            "holder": self.holder,
            "in_flight": self.in_flight,
            "since_s": self.since_s,
            "refusal": self.refusal,
            "last_refusal": self.last_refusal and {**self.last_refusal, "at": str(self.last_refusal["at"])},
            "tokens": {**self.tokens, "as_of": str(self.tokens.get("as_of") or "") or None},
        }


def _client() -> GatewayClient:
    environment = env.load()
    return GatewayClient(environment.gateway_host, environment.gateway_port, environment.home.resolve())


def read_status(*, with_holders: bool = False) -> GatewayStatus:
    """Ask the gateway; where none answers, say what its last start wrote down. Trouble is a state, not an error."""
    client = _client()
    holders, problem = read_holders() if with_holders else ([], None)
    extra: dict[str, Any] = {"address": client.address, "holders": holders, "holders_problem": problem}
    try:
        live = client.status()
    except GatewayNotRunningError:
        return GatewayStatus(**_last_words(), **extra)
    except MosaicError as error:
        return GatewayStatus(GatewayState.UNKNOWN, refusal=files.refusal_facts(error), **extra)
    names = ("tier", "store", "holder", "in_flight", "since_s")
    tokens = {**live["tokens"], "as_of": _moment(live["tokens"]["as_of"])}
    return GatewayStatus(
        GatewayState(live["state"]),
        at=datetime.now(UTC) - timedelta(seconds=live["since_s"]),
        tokens=tokens,
        last_refusal=_last_refusal(files.read_state(env.load().home.resolve())),
        **{name: live[name] for name in names},
        **extra,
    )


def _last_refusal(state: dict[str, Any] | None) -> dict[str, Any] | None:
    refusal = (state or {}).get("last_refusal")
    if not isinstance(refusal, dict):
        return None
    return {"code": str(refusal.get("code")), "found": str(refusal.get("found")), "at": _moment(refusal.get("at"))}


def _last_words() -> dict[str, Any]:
    last = files.read_state(env.load().home.resolve())
    if last is None:
        return {"state": GatewayState.STOPPED}
    refusal = last.get("refusal")
    is_refused = last.get("state") == "refused" and isinstance(refusal, dict)
    return {
        "state": GatewayState.REFUSED if is_refused else GatewayState.STOPPED,
        "refusal": refusal if is_refused else None,
        "at": _moment(last.get("at")),
        "tier": str(last.get("tier", "")),
        "store": str(last.get("store", "")),
    }


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def read_holders() -> tuple[list[LockHolder], MosaicError | None]:
    """Return who holds the lock of the configured store, or why that cannot be told."""
    try:
        storage = load_config(env.load().config).storage
        if isinstance(storage, PgliteStorage):
            name = lock_holder(storage.data_dir)
            return ([parse_holder(name, backend_pid=0, mode="exclusive")] if name else []), None
        with (
            driver_errors(storage.display),
            connect(storage.url, application_name="mosaic-dashboard", timeout_s=HOLDERS_TIMEOUT_S) as connection,
        ):
            return lock_holders(connection), None
    except MosaicError as error:
        return [], error


def pause_gateway() -> GatewayStatus:
    """Pause it. Raises `GatewayNotRunningError`, or the gateway's own refusal."""
    _client().pause()
    return read_status()


def resume_gateway() -> GatewayStatus:
    """Resume it. Raises `GatewayNotRunningError`, or the gateway's own refusal (a migration has the store)."""
    _client().resume()
    return read_status()


def tag_of(status: GatewayStatus) -> str:
    """Return a tag that changes when the page would: seconds alone do not count."""
    tokens = {name: status.tokens.get(name) for name in ("known", "is_current")}
    facts = {**status.as_dict(), "since_s": None, "tokens": tokens}
    words = canonical_json([facts, [str(item) for item in status.holders]])
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def describe(error: MosaicError) -> str:
    """Return one line for a message on a page."""
    is_waiting = error.code == codes.REQUESTS_IN_FLIGHT
    return error.message if is_waiting else f"{error.message} {error.remediation}"
