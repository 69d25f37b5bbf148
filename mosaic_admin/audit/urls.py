"""Addresses below /audit/."""

from __future__ import annotations

from django.urls import path

from mosaic_admin.audit import views

app_name = "audit"
urlpatterns = [
    path("", views.show, name="list"),
    path("export.csv", views.download, {"kind": "csv"}, name="csv"),
    path("export.json", views.download, {"kind": "json"}, name="json"),
]
