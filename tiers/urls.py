"""Addresses below /tiers/."""

from __future__ import annotations

from django.urls import path

from tiers import views

app_name = "tiers"
urlpatterns = [
    path("", views.list_configs, name="list"),
    path("new/", views.new, name="new"),
    path("import/", views.import_file, name="import"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/edit/", views.edit, name="edit"),
    path("<int:pk>/activate/", views.activate, name="activate"),
]
