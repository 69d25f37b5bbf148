"""The product's password hash with one round in place of a million."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class OneRound(PBKDF2PasswordHasher):
    """A server that a test starts hashes as it always does, and reads what this one wrote."""

    iterations = 1
