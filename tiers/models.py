"""Tier configurations that the dashboard keeps, and who changed what, when and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from tiers.schema import Tier

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class TierConfig(models.Model):
    """One configuration. `document` is mosaic.config.json as written, references unresolved."""

    if TYPE_CHECKING:
        revisions: RelatedManager[TierConfigRevision]

    name = models.CharField(max_length=100, unique=True)
    tier = models.CharField(max_length=16, choices=[(tier.value, tier.value) for tier in Tier])
    document = models.JSONField()
    is_active = models.BooleanField(default=False)
    revision = models.PositiveIntegerField(default=1)
    file_digest = models.CharField(max_length=64, blank=True)  # of the document that was written or imported last
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["-is_active", "name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["is_active"], condition=Q(is_active=True), name="tiers_one_active"),
            models.CheckConstraint(condition=Q(tier__in=[tier.value for tier in Tier]), name="tiers_known_tier"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("tiers:detail", args=[self.pk])


class RevisionAction(models.TextChoices):
    """What was done."""

    CREATE = "create", "Created"
    EDIT = "edit", "Edited"
    ACTIVATE = "activate", "Activated"
    IMPORT = "import", "Imported from the file"


class TierConfigRevision(models.Model):
    """One change. `before` and `after` are masked: the history must not become a store of old passwords."""

    config = models.ForeignKey(TierConfig, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    action = models.CharField(max_length=16, choices=RevisionAction.choices)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    who = models.CharField(max_length=150)  # the name at that time: it outlives the account
    why = models.TextField(blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField()
    has_new_secret = models.BooleanField(default=False)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["config", "number"], name="tiers_revision_number"),
        ]

    def __str__(self) -> str:
        return f"{self.config_id}:{self.number}"


class PendingActivation(models.Model):
    """An activation that has begun: written before the file is, removed together with the change of the rows."""

    config = models.ForeignKey(TierConfig, on_delete=models.CASCADE, related_name="+")
    host = models.CharField(max_length=255)
    path = models.TextField()
    digest = models.CharField(max_length=64)
    after = models.JSONField()  # masked
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    why = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.config} into {self.path}"
