"""The addresses below /doctor/."""

from __future__ import annotations

from django.urls import path

from doctor import views

app_name = "doctor"
urlpatterns = [
    path("", views.report, name="report"),
    path("check/", views.check, name="check"),
    path("codes/", views.codes, name="codes"),
    path("codes/<str:code_id>/", views.code, name="code"),
]
