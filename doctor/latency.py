"""How long each service took to answer lately: one sample a minute at most, drawn as a line of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from doctor.models import Sample

EVERY = timedelta(seconds=30)  # reports come every minute; a poller's own runs in between add nothing to see
KEEP = timedelta(hours=24)
SHOWN = timedelta(hours=2)
WIDTH, HEIGHT = 72, 16  # the drawing's own units


@dataclass(frozen=True)
class Spark:
    """One service's line: `points` in the units of its SVG, the numbers beside it in seconds."""

    points: str
    now: float
    peak: float

    @property
    def is_line(self) -> bool:
        """Say whether there is something to see: two samples a minute apart are a dash, not a line."""
        return self.points.count(" ") >= 2

    @property
    def label(self) -> str:
        return f"Answer time of the last two hours: now {self.now * 1000:.0f} ms, peak {self.peak * 1000:.0f} ms"


def note(body: dict[str, Any], at: datetime) -> None:
    """Keep how long each service took, and forget what is older than a day."""
    newest = Sample.objects.values_list("at", flat=True).first()
    if newest and at - newest < EVERY:
        return
    took = {item["name"]: item["duration_ms"] for item in body["services"] if item["status"] != "skip"}
    Sample.objects.create(at=at, took_ms=took)
    Sample.objects.filter(at__lt=at - KEEP).delete()


def sparks(now: datetime) -> dict[str, Spark]:
    """Return the line of each service that was asked lately, by its name."""
    rows = list(Sample.objects.filter(at__gte=now - SHOWN).values_list("at", "took_ms"))
    series: dict[str, list[tuple[float, int]]] = {}
    for at, took in reversed(rows):
        place = WIDTH * (1 - (now - at) / SHOWN)
        for name, duration in took.items():
            series.setdefault(name, []).append((place, duration))
    return {name: _spark(points) for name, points in series.items()}


def _spark(points: Sequence[tuple[float, int]]) -> Spark:
    peak = max(duration for _, duration in points)
    scale = (HEIGHT - 2) / max(peak, 1)
    drawn = " ".join(f"{place:.1f},{HEIGHT - 1 - duration * scale:.1f}" for place, duration in points)
    return Spark(drawn, points[-1][1] / 1000, peak / 1000)
