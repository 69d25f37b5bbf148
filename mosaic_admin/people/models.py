"""People who may sign in."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models

from mosaic_admin.access import Role


class User(AbstractUser):
    """A person of this install; `role` says what they may do."""

    role = models.CharField(max_length=16, choices=Role.choices, default=Role.SUPPORT)
