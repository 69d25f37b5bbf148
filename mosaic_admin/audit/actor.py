"""Who acts right now, and from where: set once per request or command, so that no service has to hand it down."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from django.http import HttpRequest, HttpResponse

from mosaic_admin import env
from mosaic_admin.audit.models import Channel

SYSTEM = "mosaic"  # who did it, when no person did
NOBODY = "nobody"  # a request without a sign-in


@dataclass(frozen=True)
class Actor:
    """Who acts. `person` is a row of people, None for the system and for somebody at the command line."""

    who: str = SYSTEM
    channel: Channel = Channel.SYSTEM
    address: str = ""
    person: Any = None

    @property
    def role(self) -> str:
        return getattr(self.person, "role", "")


_request: ContextVar[HttpRequest | None] = ContextVar("audit_request", default=None)
_actor: ContextVar[Actor | None] = ContextVar("audit_actor", default=None)


def current_actor() -> Actor:
    """Return who acts in this request or command; Mosaic itself where there is neither (a worker, a sweeper)."""
    request = _request.get()
    return of_request(request) if request is not None else _actor.get() or Actor()


def of_request(request: HttpRequest) -> Actor:
    """Return the signed-in person of a request, or the token's owner, with the address it came from."""
    token_owner = getattr(getattr(request, "auth", None), "created_by", None)  # set by the API's own authentication
    user = token_owner or getattr(request, "user", None)
    person = user if user is not None and user.is_authenticated else None
    channel = Channel.API if request.path.startswith("/api/") else Channel.WEB
    return Actor(person.get_username() if person else NOBODY, channel, address_of(request), person)


def address_of(request: HttpRequest) -> str:
    """Return where a request came from: the other end, or behind a trusted proxy what that proxy says of it.

    X-Forwarded-For is read from its end: each trusted proxy put the address that it saw there, and what stands before
    the last of those was written by the visitor.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = [word.strip() for word in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if word.strip()]
    while forwarded and _is_trusted(address):
        address = forwarded.pop()
    return address[:64] if _is_address(address) else str(request.META.get("REMOTE_ADDR", ""))[:64]


def _is_trusted(address: str) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in env.load().proxy_networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def act_at_command_line() -> None:
    """Name the account of this machine that runs this process."""
    try:
        account = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        account = "unknown"
    _actor.set(Actor(f"{account} (command line)", Channel.COMMAND))


class ActorMiddleware:
    """Remember the request while it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)
