"""The addresses below /doctor/."""

from __future__ import annotations

from django.urls import path

from doctor import action_views, views

app_name = "doctor"
urlpatterns = [
    path("", views.report, name="report"),
    path("check/", views.check, name="check"),
    path("suppress/<str:code_id>/<str:service>/", action_views.suppress, name="suppress"),
    path("suppressed/<int:suppression_id>/lift/", action_views.lift, name="lift"),
    path("history/", views.history_list, name="history"),
    path("history/<int:number>/", views.past, name="past"),
    path("webhooks/", action_views.webhook_list, name="webhooks"),
    path("webhooks/<int:webhook_id>/delete/", action_views.webhook_delete, name="webhook-delete"),
    path("webhooks/<int:webhook_id>/test/", action_views.webhook_test, name="webhook-test"),
    path("codes/", views.codes, name="codes"),
    path("codes/<str:code_id>/", views.code, name="code"),
]
