"""Addresses under /people/."""

from __future__ import annotations

from django.urls import path

from mosaic_admin.people import views

app_name = "people"
urlpatterns = [
    path("", views.people_list, name="list"),
    path("<int:user_id>/change/", views.change, name="change"),
    path("<int:user_id>/reset/", views.reset, name="reset"),
    path("password/", views.password, name="password"),
    path("tokens/", views.token_list, name="tokens"),
    path("tokens/<int:token_id>/revoke/", views.revoke, name="revoke"),
]
