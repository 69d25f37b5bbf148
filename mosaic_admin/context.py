"""What every page of the dashboard shows around its content."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from doctor.services import current_light
from mosaic_admin.access import ADMINS, READERS, Role

TIERS = {"local": "local", "standalone": "standalone", "team": "standalone", "federated": "federated"}


@dataclass(frozen=True)
class NavItem:
    """One line of the sidebar."""

    name: str
    label: str
    icon: str
    roles: frozenset[Role] = READERS
    heading: str = ""

    def as_dict(self, path: str) -> dict[str, Any] | None:
        try:
            url = reverse(self.name)
        except NoReverseMatch:
            return None
        # /people/tokens/ lies below /people/: of two matching lines, the exact one is the active one.
        is_active = path == url or (url != "/" and path.startswith(url) and self.name != "people:list")
        return {"url": url, "label": self.label, "icon": self.icon, "heading": self.heading, "is_active": is_active}


NAV = (
    NavItem("overview", "Overview", "layout-dashboard"),
    NavItem("tiers:list", "Tiers", "stack-2"),
    NavItem("doctor:report", "Doctor", "stethoscope"),
    NavItem("migrations:list", "Migrations", "database-export"),
    NavItem("gateway:status", "Gateway", "route"),
    NavItem("people:list", "People", "users", ADMINS, heading="Access"),
    NavItem("people:tokens", "API tokens", "key", ADMINS),
)


@cache
def _host() -> str:
    return socket.gethostname().split(".")[0]


@cache
def _version() -> str:
    return version("mosaic-admin")


def configured_tier() -> str:
    """Return the tier word of mosaic.config.json; a missing or broken file is a word too, never an error."""
    try:
        document = json.loads(settings.ENV.config.read_text())
        return TIERS.get(document.get("tier"), "unreadable")
    except FileNotFoundError:
        return "not configured"
    except (OSError, ValueError, AttributeError, TypeError):
        return "unreadable"


def _signed_in(request: HttpRequest) -> dict[str, Any]:
    user = request.user
    role = getattr(user, "role", None)
    items = (item.as_dict(request.path) for item in NAV if role in item.roles)
    return {
        "nav": [item for item in items if item],
        "tier": configured_tier(),
        "light": current_light(),
        "job": None,
        "person": str(user),
        "role": role,
    }


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return what base.html needs, as `shell`; lazy, so that polled fragments pay nothing for it."""

    def build() -> dict[str, Any]:
        is_signed_in = getattr(request, "user", None) is not None and request.user.is_authenticated
        theme = request.COOKIES.get("theme", "")
        common = {
            "host": _host(),
            "now": timezone.now(),
            "version": _version(),
            "theme": theme if theme in ("light", "dark") else "",
        }
        return common | _signed_in(request) if is_signed_in else common

    return {"shell": SimpleLazyObject(build)}
