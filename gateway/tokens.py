"""The API tokens that this gateway knows: read from the control plane, and kept for when that is down.

A request is checked against memory only. One thread reads the tokens anew every two seconds; when the control plane
does not answer, those read last go on working for a day (docs/decisions/0005-gateway-tokens.md).
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections

from mosaic_admin.people import live_tokens
from mosaic_admin.people.live_tokens import LiveToken, digest_of
from mosaic_admin.private_files import write_private

SCOPES = "gateway:"
READ_EVERY_S = 2.0  # a new token works and a revoked one stops within this
TRUSTED_FOR = timedelta(hours=24)  # how long tokens are believed that nobody could confirm
COPY_EVERY = timedelta(minutes=1)  # the file's age is what a restart without a control plane goes by

log = logging.getLogger("mosaic.gateway")
Read = Callable[[], Sequence[LiveToken]]
NoteUses = Callable[[Mapping[int, datetime]], None]


@dataclass(frozen=True)
class TokenState:
    known: int  # those with a scope of the gateway
    as_of: datetime | None  # when the control plane last confirmed them
    is_current: bool


def copy_path(home: Path) -> Path:
    return home / "run" / "gateway-tokens.json"


def _is_usable(token: LiveToken) -> bool:
    return any(scope.startswith(SCOPES) for scope in token.scopes)


def _as_row(token: LiveToken) -> dict[str, Any]:
    end = token.expires_at.isoformat() if token.expires_at else None
    return {"id": token.id, "sha256": token.digest, "scopes": sorted(token.scopes), "expires_at": end}


def _of_row(row: Mapping[str, Any]) -> LiveToken:
    """Return the token of a row. Raises: KeyError, TypeError, ValueError."""
    end = row.get("expires_at")  # copies of before tokens could expire have none
    return LiveToken(
        row["id"], row["sha256"], frozenset(row["scopes"]), datetime.fromisoformat(end).astimezone(UTC) if end else None
    )


class TokenBook:
    """Find tokens by what a request sends, and carry their uses back."""

    def __init__(self, home: Path, *, read: Read | None = None, note_uses: NoteUses = live_tokens.note_uses) -> None:
        self._path = copy_path(home)
        self._read = read or live_tokens.read_live_tokens
        self._note_uses = note_uses
        self._known: dict[str, LiveToken] = {}
        self._as_of: datetime | None = None
        self._copied_at: datetime | None = None
        self._is_current = True
        self._uses: dict[int, datetime] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Take the copy of an earlier start, then keep reading on a thread of its own: nothing waits for it."""
        self._load_copy()
        threading.Thread(target=self._keep_reading, name="api-tokens", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def find(self, raw: str) -> LiveToken | None:
        """Return the token and note its use; None for one that is unknown, over, or unconfirmed for too long."""
        now = datetime.now(UTC)
        with self._lock:
            token = self._known.get(digest_of(raw))
            if token is None or self._as_of is None or now - self._as_of > TRUSTED_FOR:
                return None
            if token.expires_at is not None and token.expires_at <= now:  # nobody may be there to say so
                return None
            if _is_usable(token):  # a refused request is no use
                self._uses[token.id] = now
            return token

    def state(self) -> TokenState:
        with self._lock:
            return TokenState(sum(map(_is_usable, self._known.values())), self._as_of, self._is_current)

    def refresh(self) -> None:
        """Bring tokens and uses in line with the control plane; when it does not answer, keep what is known."""
        with self._lock:
            uses, self._uses = self._uses, {}
        try:
            tokens = self._read()
        except (Error, ImproperlyConfigured, OSError):
            connections["default"].close()
            self._keep(uses)
            self._become(is_current=False)
            return
        self._become(is_current=True)
        self._take(tokens)
        if uses:
            self._try_to_note(uses)

    def _try_to_note(self, uses: Mapping[int, datetime]) -> None:
        """A control plane that can be read and not written must not keep a revoked token alive."""
        try:
            self._note_uses(uses)
        except (Error, OSError):
            connections["default"].close()
            self._keep(uses)

    def _keep_reading(self) -> None:
        while not self._stop.is_set():
            try:
                self.refresh()
            except Exception:  # a bug here must not end the thread: revoked tokens would work for ever
                log.exception("reading the API tokens failed")
            self._stop.wait(READ_EVERY_S)
        connections["default"].close()

    def _keep(self, uses: Mapping[int, datetime]) -> None:
        with self._lock:
            self._uses = {**uses, **self._uses}

    def _take(self, tokens: Sequence[LiveToken]) -> None:
        now = datetime.now(UTC)
        known = {token.digest: token for token in tokens}
        with self._lock:
            is_new = known != self._known
            self._known, self._as_of = known, now
        if is_new or self._copied_at is None or now - self._copied_at > COPY_EVERY:
            self._write_copy(tokens, now)

    def _become(self, *, is_current: bool) -> None:
        if is_current is not self._is_current:
            if is_current:
                log.info("the control plane answers again: API tokens are current")
            else:
                log.warning("the control plane does not answer: API tokens stay as they were last read")
        self._is_current = is_current

    def _write_copy(self, tokens: Sequence[LiveToken], now: datetime) -> None:
        document = {"version": 1, "as_of": now.isoformat(), "tokens": [_as_row(token) for token in tokens]}
        try:
            write_private(self._path, json.dumps(document, indent=2) + "\n")
        except OSError:
            log.warning("%s cannot be written: a restart without control plane will know no API token", self._path.name)
        self._copied_at = now

    def _load_copy(self) -> None:
        try:
            document: dict[str, Any] = json.loads(self._path.read_text())
            tokens = [_of_row(row) for row in document["tokens"]]
            as_of = datetime.fromisoformat(document["as_of"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return
        if as_of.tzinfo is not None and as_of <= datetime.now(UTC):
            with self._lock:
                self._known, self._as_of = {token.digest: token for token in tokens}, as_of


class RateLimit:
    """A bucket per token: `per_minute` requests at once, refilled evenly. ninja's throttles keep each request's state
    on one shared object, which threads overwrite."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._levels: dict[int, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, token_id: int) -> float:
        """Count one request and return 0.0, or return how many seconds it has to wait."""
        if self.per_minute == 0:
            return 0.0
        now, per_second = time.monotonic(), self.per_minute / 60
        with self._lock:
            level, at = self._levels.get(token_id, (float(self.per_minute), now))
            level = min(float(self.per_minute), level + (now - at) * per_second)
            is_allowed = level >= 1
            self._levels[token_id] = (level - 1 if is_allowed else level, now)
        return 0.0 if is_allowed else (1 - level) / per_second
