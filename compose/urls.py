"""The dashboard's pages about the stack."""

from __future__ import annotations

from django.urls import path

from compose import views

app_name = "stack"
urlpatterns = [
    path("", views.page, name="page"),
    path("logs/", views.logs, name="logs"),
    path("seen/", views.seen, name="seen"),
    path("compose.tar.gz", views.archive, name="archive"),
    path("<slug:verb>/", views.act, name="act"),
]
