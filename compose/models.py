"""What was done to the stack, with its live output: long actions run in a worker and are followed on the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

STALE = timedelta(seconds=20)  # ten missed heartbeats: whoever worked is gone
UNCLAIMED = timedelta(seconds=60)  # a queued action that no worker took by then: its message is lost


class Verb(models.TextChoices):
    """What can be done to the stack."""

    UP = "up", "Start"
    DOWN = "down", "Stop"
    RESTART = "restart", "Restart"
    ROTATE = "rotate", "Rotate passwords"


class ActionState(models.TextChoices):
    """How far an action is; `interrupted` is read from the heartbeat and never stored for one that may still run."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    INTERRUPTED = "interrupted", "Interrupted"


ACTIVE = (ActionState.QUEUED, ActionState.RUNNING)


class StackAction(models.Model):
    """One action; `version` grows with every write and is the polling tag. `output` is redacted before it gets here."""

    verb = models.CharField(max_length=16, choices=Verb)
    service = models.CharField(max_length=64, default="", blank=True)  # "" for all of them
    project = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=ActionState, default=ActionState.QUEUED)
    version = models.PositiveBigIntegerField(default=1)
    output = models.TextField(default="", blank=True)
    error_code = models.CharField(max_length=16, default="", blank=True)
    error_message = models.TextField(default="", blank=True)
    error_remediation = models.TextField(default="", blank=True)
    by_name = models.TextField(default="")
    by: Any = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    heartbeat_at = models.DateTimeField(null=True, default=None)
    finished_at = models.DateTimeField(null=True, default=None)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project"], condition=Q(state__in=ACTIVE), name="compose_one_active_action_per_project"
            ),
            models.CheckConstraint(condition=Q(state__in=ActionState.values), name="compose_action_state_known"),
            models.CheckConstraint(condition=Q(verb__in=Verb.values), name="compose_action_verb_known"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.service or 'all'} ({self.state})"

    @property
    def effective_state(self) -> ActionState:
        """Return the state, `interrupted` when whoever worked on it is gone or nobody ever took it."""
        now = timezone.now()
        is_stale = self.state == ActionState.RUNNING and (self.heartbeat_at or self.created_at) < now - STALE
        is_lost = self.state == ActionState.QUEUED and self.created_at < now - UNCLAIMED
        return ActionState.INTERRUPTED if is_stale or is_lost else ActionState(self.state)

    @property
    def is_active(self) -> bool:
        return self.effective_state in ACTIVE

    @property
    def lines(self) -> list[str]:
        return self.output.splitlines()
