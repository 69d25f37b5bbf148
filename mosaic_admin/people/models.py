"""People who may sign in, their wrong tries, and the tokens of scripts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from mosaic_admin.access import Role

ENDING = timedelta(days=14)


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        """Find a person by sign-in name or e-mail, whatever the capitals."""
        if not username:
            raise self.model.DoesNotExist
        for user in self.filter(Q(username__iexact=username) | Q(email__iexact=username)):
            # PostgreSQL's upper case joins "i" with and without its dot: each would have tries of its own.
            if username.lower() in (user.username.lower(), user.email.lower()):
                return user
        raise self.model.DoesNotExist


class User(AbstractBaseUser):
    """A person of this install; `role` says what they may do."""

    # No "@": a name that looks like somebody's e-mail would make the two ways to sign in ambiguous.
    username = models.CharField(
        "name",
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[\w.+-]+$", "Letters, digits and . _ + - only.")],
    )
    email = models.EmailField("e-mail", blank=True)
    display_name = models.CharField("full name", max_length=120, blank=True)
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.SUPPORT)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["username"]
        constraints = [
            models.UniqueConstraint(
                Lower("username"), name="people_user_name", violation_error_message="Somebody has this name already."
            ),
            models.UniqueConstraint(
                Lower("email"),
                condition=~Q(email=""),
                name="people_user_email",
                violation_error_message="Somebody has this e-mail already.",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="people_user_role"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.username


class LinkPurpose(models.TextChoices):
    """What a one-time link lets its holder do: both end in a password of their own."""

    INVITE = "invite", "Invitation"
    RESET = "reset", "New password"


class PersonLink(models.Model):
    """A link that works once: only its SHA-256 is kept, the link itself is shown once to the admin who made it."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="links")
    purpose = models.CharField(max_length=16, choices=LinkPurpose.choices)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} of {self.person}"


class FailedSignIn(models.Model):
    """One wrong password. Kept in the database, so that every web process counts the same tries."""

    account = models.CharField(max_length=254)
    address = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["account", "address", "at"], name="people_failed_sign_in")]

    def __str__(self) -> str:
        return f"{self.address} at {self.at:%H:%M:%S}"


class Scope(models.TextChoices):
    """What a token may do."""

    DOCTOR_READ = "doctor:read", "Read the doctor's report"
    MIGRATIONS_READ = "migrations:read", "Read runs and their certificates"
    TIERS_READ = "tiers:read", "Read tier configurations, secrets masked"
    GATEWAY_READ = "gateway:read", "Read the gateway’s data"
    GATEWAY_WRITE = "gateway:write", "Create, change and delete the gateway’s data"


class Lifetime(models.TextChoices):
    """How long a token works after it was made."""

    MONTH = "30d", "30 days"
    QUARTER = "90d", "90 days"
    YEAR = "1y", "a year"
    NEVER = "never", "until somebody revokes it"

    def ends_at(self, begin: datetime) -> datetime | None:
        days = {Lifetime.MONTH: 30, Lifetime.QUARTER: 90, Lifetime.YEAR: 365}.get(self)
        return begin + timedelta(days=days) if days else None


class ApiToken(models.Model):
    """A bearer token of a script: only its SHA-256 is kept, the token itself is shown once."""

    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="tokens")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_active(self) -> bool:
        return self.revoked_at is None and not self.is_expired

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_ending(self) -> bool:
        """Say whether it works, and soon will not: time to make another."""
        return self.is_active and self.expires_at is not None and self.expires_at - timezone.now() < ENDING
