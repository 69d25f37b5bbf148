"""The dashboard's addresses."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from doctor import views as doctor_views
from mosaic_admin import api, views, wizard
from mosaic_admin.people import views as people_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.overview, name="overview"),
    path("sign-in/", people_views.sign_in, name="sign-in"),
    path("sign-out/", people_views.sign_out, name="sign-out"),
    path("join/<str:raw>/", people_views.join, name="join"),
    path("strip/", views.strip, name="strip"),
    path("theme/", views.theme, name="theme"),
    path("audit/", include("mosaic_admin.audit.urls")),
    path("people/", include("mosaic_admin.people.urls")),
    path("migrations/<int:number>/pause-gateway", wizard.pause_and_replan, name="pause-and-replan"),
    path("migrations/", include("migration.urls")),
    path("tiers/", include("tiers.urls")),
    path("doctor/bundle/", views.bundle, name="doctor-bundle"),
    path("doctor/", include("doctor.urls")),
    path("api/v1/", api.urls()),
    path("stack/", include("compose.urls")),
    path("gateway/", include("gateway.dashboard_urls")),
    path("healthz", views.alive, name="healthz"),
    path("readyz", doctor_views.ready, name="readyz"),
]

handler403 = "mosaic_admin.views.not_allowed"
handler404 = "mosaic_admin.views.not_found"
handler500 = "mosaic_admin.views.server_error"
