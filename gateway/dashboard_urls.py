"""The dashboard's pages about the gateway."""

from __future__ import annotations

from django.urls import path

from gateway import views

app_name = "gateway"
urlpatterns = [
    path("", views.status, name="status"),
    path("pause/", views.pause, name="pause"),
    path("resume/", views.resume, name="resume"),
]
