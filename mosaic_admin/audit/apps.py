from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "mosaic_admin.audit"
    label = "audit"
