"""The history of reports, one row for each stretch of equal results."""

from __future__ import annotations

from django.db import models


class Span(models.Model):
    """A stretch of runs that all said the same; `body` and `evidence` are those of the newest of them.

    One report a minute would be half a million rows a year that say the same; a span says it once, with its length.
    """

    fingerprint = models.CharField(max_length=64)
    light = models.CharField(max_length=8)
    tier = models.CharField(max_length=16, blank=True)
    root_code = models.CharField(max_length=16, blank=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)
    runs = models.PositiveIntegerField(default=1)
    body = models.JSONField()
    evidence = models.JSONField(default=dict)

    class Meta:
        ordering = ["-seen_at", "-id"]
        verbose_name = "stretch of equal reports"

    def __str__(self) -> str:
        return f"{self.light} {self.started_at:%Y-%m-%d %H:%M:%S} to {self.seen_at:%H:%M:%S}"
