"""Tier configurations as a Django app of the control plane."""

from __future__ import annotations

from django.apps import AppConfig


class TiersConfig(AppConfig):
    name = "tiers"
    verbose_name = "Tier configurations"
