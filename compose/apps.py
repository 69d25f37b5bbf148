"""The stack's rows in the dashboard's database."""

from django.apps import AppConfig


class ComposeConfig(AppConfig):
    name = "compose"
