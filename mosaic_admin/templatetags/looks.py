"""How states, numbers and times look on every page. Built in: templates need no `{% load %}`.

Tags: `state pill icon bar command crumb`. Filters: `coded bytes count duration age utc`.
They choose looks, never rules.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

SPRITE = "vendor/tabler-icons-3.52.0/icons.svg"
BAR_WIDTH = 100  # the bar's own units: one per cent each


class Look(NamedTuple):
    """A state's colour class, its icon, and the word that is used when a template gives none."""

    tone: str
    icon: str
    word: str


LOOKS = {
    "ok": Look("ok", "circle-check-filled", "Healthy"),
    "warn": Look("warn", "alert-triangle-filled", "Warning"),
    "fail": Look("fail", "circle-x-filled", "Fail"),
    "run": Look("run", "loader-2", "Running"),
    "idle": Look("idle", "circle-minus", "Off"),
    # doctor
    "green": Look("ok", "circle-check-filled", "Green"),
    "yellow": Look("warn", "alert-triangle-filled", "Yellow"),
    "red": Look("fail", "circle-x-filled", "Red"),
    "pass": Look("ok", "circle-check-filled", "Pass"),
    "skip": Look("idle", "corner-down-right", "Skipped"),
    "unknown": Look("idle", "help-circle", "Unknown"),
    # runs and tables
    "planning": Look("run", "loader-2", "Planning"),
    "planned": Look("idle", "list-details", "Dry run"),
    "plan_failed": Look("fail", "circle-x-filled", "Plan failed"),
    "queued": Look("idle", "clock", "Queued"),
    "running": Look("run", "loader-2", "Running"),
    "copying": Look("run", "loader-2", "Copying"),
    "copied": Look("ok", "check", "Copied"),
    "paused": Look("idle", "player-pause", "Paused"),
    "interrupted": Look("warn", "plug-connected-x", "Interrupted"),
    "verified": Look("ok", "shield-check-filled", "Verified"),
    "rehearsed": Look("ok", "circle-check-filled", "Rehearsed"),
    "failed": Look("fail", "circle-x-filled", "Failed"),
    "cancelled": Look("idle", "ban", "Cancelled"),
    "waiting": Look("idle", "circle-dashed", "Waiting"),
    "done": Look("ok", "check", "Done"),
    "decide": Look("warn", "help-circle", "You decide"),
    "locked": Look("idle", "lock", "Locked"),
    "off": Look("idle", "circle-minus", "Off"),
}
WORDS = {look.word: look for look in LOOKS.values()} | {"Off": LOOKS["off"]}
UNKNOWN = LOOKS["unknown"]


def look_for(kind: str, word: str = "", icon: str = "") -> Look:
    """Return the look of a state; a word of the glossary brings its own icon, `icon` overrides both."""
    kind = str(kind).lower()
    base = LOOKS.get(kind, UNKNOWN)
    glossary = WORDS.get(word)
    shape = icon or (glossary.icon if glossary and glossary.tone == base.tone else base.icon)
    return Look(base.tone, shape, word or base.word)


def _icon(name: str, css: str = "") -> SafeString:
    return format_html(
        '<svg class="icon{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        f" {css}" if css else "",
        static(SPRITE),
        name,
    )


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """Draw one icon of the sprite; decoration only, so the words beside it carry the meaning."""
    return _icon(name, css)


@register.simple_tag
def state(kind: str, word: str = "", icon: str = "", quiet: bool = False) -> SafeString:
    """Show a state as colour, icon and word: `{% state "ok" "Serving" %}`, `{% state job.state %}`."""
    look = look_for(kind, word, icon)
    return format_html(
        '<span class="state is-{}{}">{}{}</span>',
        look.tone,
        " quiet" if quiet else "",
        _icon(look.icon, "icon-spin" if look.icon == "loader-2" else ""),
        look.word,
    )


@register.simple_tag
def pill(kind: str, word: str = "", icon: str = "") -> SafeString:
    """Show the page's one state, beside its title."""
    look = look_for(kind, word, icon)
    return format_html(
        '<span class="status is-{}">{}{}</span>',
        look.tone,
        _icon(look.icon, "icon-spin" if look.icon == "loader-2" else ""),
        look.word,
    )


@register.simple_tag
def bar(value: float, total: float = 100, kind: str = "run", label: str = "") -> SafeString:
    """Draw progress with its track. The width is an SVG attribute: the content policy refuses inline styles.

    Without a `label` the bar is decoration, and the number must stand beside it.
    """
    part = max(0.0, min(1.0, (value or 0) / total)) if total else 0.0
    named = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="bar is-{}" viewBox="0 0 {} 4" preserveAspectRatio="none" {}>'
        '<rect class="track" width="{}" height="4"/><rect class="fill" width="{}" height="4"/></svg>',
        look_for(kind).tone,
        BAR_WIDTH,
        named,
        BAR_WIDTH,
        f"{part * BAR_WIDTH:.1f}",
    )


@register.simple_tag
def crumb(label: str, view: str = "", *args: Any) -> SafeString:
    """Add one step of the breadcrumb; without a view it is this page: `{% crumb "Run #%s" "" job.number %}`."""
    words = label.replace("%s", str(args[0])) if args else label
    if not view:
        return format_html('<li aria-current="page">{}</li>', words)
    return format_html('<li><a href="{}">{}</a></li>', reverse(view, args=args), words)


@register.inclusion_tag("partials/command.html")
def command(text: str, label: str = "") -> dict[str, Any]:
    """Show a command with a Copy button; the `$` is not copied, and a line ends between its words only."""
    return {"text": text, "label": label, "words": [text] if "\n" in text else text.split(" ")}


@register.filter
def coded(text: str) -> SafeString:
    """Show what stands between backticks in a message as code; everything is escaped."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:  # a backtick without its partner
        return format_html("{}", text)
    shapes = ("{}", "<code>{}</code>")
    return format_html_join("", "{}", ((format_html(shapes[at % 2], part),) for at, part in enumerate(parts)))


@register.filter
def bytes(value: float | None) -> str:
    """Return a size in decimal units: 480 kB, 6.93 GB."""
    if value is None:
        return "–"
    if abs(value) < 1000:
        return f"{value:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if abs(value) < 999.5 or unit == "TB":
            break
    digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:.{digits}f} {unit}"


@register.filter
def count(value: float | None) -> str:
    """Return a number with its thousands apart: 5,908,438."""
    return "–" if value is None else f"{value:,.0f}"


@register.filter
def duration(seconds: float | None) -> str:
    """Return seconds as people say them: 12 ms, 0.8 s, 14 min 21 s, 3 h 5 min, 2 d 4 h."""
    if seconds is None:
        return "–"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, rest_size, rest_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // rest_size
            return f"{whole // size} {unit} {rest} {rest_unit}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


@register.filter
def age(moment: datetime | None) -> str:
    """Return how long ago something was, below an hour; later its date and time."""
    if moment is None:
        return "never"
    seconds = (timezone.now() - moment).total_seconds()
    if seconds >= 3600:
        return utc(moment)
    if seconds < 60:
        return f"{duration(max(0.0, seconds))} ago"
    return f"{seconds // 60:.0f} min ago"


@register.filter
def ahead(moment: datetime | None) -> str:
    """Return how far away something is that is to come: in 12 days, in 5 h; never for nothing."""
    if moment is None:
        return "never"
    left = moment - timezone.now()
    if left < timedelta(days=1):
        return f"in {duration(max(0.0, left.total_seconds()))}"
    return "in 1 day" if left.days == 1 else f"in {left.days} days"


@register.filter
def utc(moment: datetime | None, shape: str = "full") -> str:
    """Return a moment in UTC: 21 Nov 2026, 22:14:09 UTC.

    Shape `time` 22:14:09, `short` 21 Nov, 22:14, `day` 21 Nov 2026.
    """
    if moment is None:
        return "–"
    moment = moment.astimezone(UTC)
    match shape:
        case "time":
            return f"{moment:%H:%M:%S}"
        case "short":
            return f"{moment.day} {moment:%b, %H:%M}"
        case "day":
            return f"{moment.day} {moment:%b %Y}"
        case _:
            return f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


@register.filter
def prose(text: str) -> SafeString:
    """Show what stands between backticks as code; everything is escaped."""
    parts = str(text or "").split("`")
    is_paired = len(parts) % 2 == 1
    pieces = (
        format_html("<code>{}</code>", part) if is_paired and number % 2 else format_html("{}", part)
        for number, part in enumerate(parts if is_paired else [str(text)])
    )
    return SafeString("".join(pieces))
