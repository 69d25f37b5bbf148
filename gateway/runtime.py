"""What one gateway worker process knows: made once when the worker starts, read by every request."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.tokens import RateLimit, TokenBook
from gateway.turnstile import Turnstile


@dataclass
class Runtime:
    turnstile: Turnstile
    token: str
    tier: str
    store: str  # what may be shown of the store's address
    holder: str
    tokens: TokenBook
    rate_limit: RateLimit
    has_vector: bool = False
    stamped: set[int] = field(default_factory=set)  # lock generations in which the first write is noted


_current: list[Runtime] = []


def install(runtime: Runtime) -> None:
    _current[:] = [runtime]


def current() -> Runtime:
    """Return this process's runtime. A request without one is a bug of the start-up."""
    if not _current:
        raise RuntimeError("The gateway's runtime is not installed: requests came before start-up was done.")
    return _current[0]
