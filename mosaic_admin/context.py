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
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from doctor.services import current_light
from migration.models import EffectiveState
from migration.services import last_job
from mosaic_admin.access import ADMINS, READERS, Role
from tiers.schema import tier_of


@dataclass(frozen=True)
class NavItem:
    """One line of the sidebar."""

    name: str
    label: str
    icon: str
    roles: frozenset[Role] = READERS
    heading: str = ""
    key: str = ""  # goes there after a "g"

    def as_dict(self, path: str, tails: dict[str, tuple[str, str] | None]) -> dict[str, Any]:
        url = reverse(self.name)
        # /people/tokens/ lies below /people/: of two matching lines, the exact one is the active one.
        is_active = path == url or (url != "/" and path.startswith(url) and self.name != "people:list")
        word, tone = tails.get(self.name) or ("", "")
        return {
            "url": url,
            "label": self.label,
            "icon": self.icon,
            "heading": self.heading,
            "key": self.key,
            "is_active": is_active,
            "tail": word,
            "tone": tone,
            "has_tail": self.name in tails,
        }


NAV = (
    NavItem("overview", "Overview", "layout-dashboard", key="o"),
    NavItem("tiers:list", "Tiers", "stack-2", key="t"),
    NavItem("doctor:report", "Doctor", "stethoscope", key="d"),
    NavItem("migrations:list", "Migrations", "database-export", key="m"),
    NavItem("stack:page", "Stack", "server-2", key="s"),
    NavItem("gateway:status", "Gateway", "route", key="g"),
    NavItem("audit:list", "Audit log", "list-details", key="a"),
    NavItem("people:list", "People", "users", ADMINS, heading="Access", key="p"),
    NavItem("people:tokens", "API tokens", "key", ADMINS, key="k"),
    NavItem("api-1:openapi-view", "API reference", "api"),
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
        return tier_of(document) or "unreadable"
    except FileNotFoundError:
        return "not configured"
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return "unreadable"


def _doctor_tail(light: dict[str, Any]) -> tuple[str, str] | None:
    tones = {"yellow": "warn", "red": "fail"}
    return ("!", tones[light["kind"]]) if light["kind"] in tones else None


def running_job() -> dict[str, Any] | None:
    """Return what the strip says of a run that is not over: its state and how far it is."""
    job = last_job()
    if job is None or not job.is_active:
        return None
    state = job.effective_state()
    percent = f"{job.bytes_done * 100 // job.bytes_total} %" if job.bytes_total else ""
    is_running = state is EffectiveState.RUNNING
    doing = " ".join(filter(None, (job.phase, percent))) if is_running else state.label.lower()
    return {
        "url": reverse("migrations:detail", args=[job.number]),
        "kind": state.value,
        "word": f"Run #{job.number}, {doing or 'starting'}",
        "tail": (percent, "run") if is_running else ("!", "warn") if state is EffectiveState.INTERRUPTED else None,
    }


def _signed_in(request: HttpRequest, light: dict[str, Any]) -> dict[str, Any]:
    user = request.user
    role = getattr(user, "role", None)
    job = running_job()
    tails = {"doctor:report": _doctor_tail(light), "migrations:list": job["tail"] if job else None}
    items = (item.as_dict(request.path, tails) for item in NAV if role in item.roles)
    return {
        "nav": list(items),
        "tier": configured_tier(),
        "job": job,
        "person": str(user),
        "role": role,
    }


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return what base.html needs, as `shell`; lazy, so that polled fragments pay nothing for it."""

    def build() -> dict[str, Any]:
        is_signed_in = getattr(request, "user", None) is not None and request.user.is_authenticated
        theme = request.COOKIES.get("theme", "")
        common: dict[str, Any] = {
            "host": _host(),
            "now": timezone.now(),
            "version": _version(),
            "light": current_light(),
            "theme": theme if theme in ("light", "dark") else "",
        }
        return common | _signed_in(request, common["light"]) if is_signed_in else common

    return {"shell": SimpleLazyObject(build)}
