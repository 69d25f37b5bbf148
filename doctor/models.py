"""The history of reports, one row for each stretch of equal results."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone


class Span(models.Model):
    """A stretch of runs that all said the same; `body` and `evidence` are those of the newest of them.

    One report a minute would be half a million rows a year that say the same; a span says it once, with its length.
    """

    fingerprint = models.CharField(max_length=64)
    light = models.CharField(max_length=8)
    tier = models.CharField(max_length=16, blank=True)
    root_code = models.CharField(max_length=16, blank=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    suppressed = models.PositiveSmallIntegerField(default=0)
    runs = models.PositiveIntegerField(default=1)
    body = models.JSONField()
    evidence = models.JSONField(default=dict)

    class Meta:
        ordering = ["-seen_at", "-id"]
        indexes = [
            models.Index(fields=["seen_at", "id"], name="doctor_span_seen"),
            models.Index(fields=["light", "seen_at", "id"], name="doctor_span_light_seen"),
        ]
        verbose_name = "stretch of equal reports"

    def __str__(self) -> str:
        return f"{self.light} {self.started_at:%Y-%m-%d %H:%M:%S} to {self.seen_at:%H:%M:%S}"


class Sample(models.Model):
    """How many milliseconds each service took in one run: `{"postgres": 31, …}`. Kept for a day."""

    at = models.DateTimeField(db_index=True)
    took_ms = models.JSONField()

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"


class Suppression(models.Model):
    """A finding that somebody put aside: what has this code at this service does not count until then.

    Rows stay after their end: who put what aside, and why, is part of the history.
    """

    code = models.CharField(max_length=16)
    service = models.CharField(max_length=40)
    reason = models.CharField(max_length=500)
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    until = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["until"], name="doctor_suppression_until")]

    def __str__(self) -> str:
        return f"{self.code} at {self.service}"

    @property
    def link(self) -> str:
        return f"/doctor/codes/{self.code}/"


class Webhook(models.Model):
    """A receiver of colour changes. `sealed` holds its URL and the secret of its signatures, encrypted."""

    target = models.CharField(max_length=200)
    sealed = models.TextField()
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["target", "id"]

    def __str__(self) -> str:
        return f"webhook to {self.target}"

    @property
    def last(self) -> Delivery | None:
        return next(iter(self.deliveries.all()), None)


class Delivery(models.Model):
    """One message to one receiver: tried until it arrives, or until there have been enough tries."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=40)
    body = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    next_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=200, blank=True)
    is_sent = models.BooleanField(default=False)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["webhook", "event"], name="doctor_delivery_once")]
        indexes = [models.Index(fields=["done_at", "next_at"], name="doctor_delivery_due")]

    def __str__(self) -> str:
        return f"{self.body['event']} to {self.webhook.target}"

    @property
    def state(self) -> str:
        if self.is_sent:
            return "ok"
        return "run" if self.done_at is None else "fail"

    @property
    def word(self) -> str:
        return {"ok": "Arrived", "run": "On its way", "fail": "Given up"}[self.state]
