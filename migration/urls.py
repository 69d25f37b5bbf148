"""Addresses below /migrations/."""

from django.urls import path

from migration import after_views, history_views, switch_views, views

app_name = "migrations"
urlpatterns = [
    path("", views.list_runs, name="list"),
    path("new", views.new, name="new"),
    path("compare", history_views.comparison, name="compare"),
    path("runs.csv", history_views.runs_csv, name="runs-csv"),
    path("runs.json", history_views.runs_json, name="runs-json"),
    path("signing-key.pem", views.signing_key, name="key"),
    path("<int:number>/", views.detail, name="detail"),
    path("<int:number>/live", views.live, name="live"),
    path("<int:number>/decide", views.decide, name="decide"),
    path("<int:number>/replan", views.replan, name="replan"),
    path("<int:number>/rehearse", switch_views.rehearse, name="rehearse"),
    path("<int:number>/start", views.start, name="start"),
    path("<int:number>/pause", views.pause, name="pause"),
    path("<int:number>/throttle", views.throttle, name="throttle"),
    path("<int:number>/resume", views.resume, name="resume"),
    path("<int:number>/cancel", views.cancel, name="cancel"),
    path("<int:number>/cutover", switch_views.cutover, name="cutover"),
    path("<int:number>/cutover/state", switch_views.cutover_state, name="cutover-state"),
    path("<int:number>/rollback", switch_views.rollback, name="rollback"),
    path("<int:number>/discard", after_views.discard, name="discard"),
    path("<int:number>/rejects", after_views.rejects, name="rejects"),
    path("<int:number>/rejects.csv", after_views.rejects_csv, name="rejects-csv"),
    path("<int:number>/rejects/accept", after_views.accept_rejects, name="accept-rejects"),
    path("<int:number>/events", views.events, name="events"),
    path("<int:number>/plan.json", views.plan_json, name="plan"),
    path("<int:number>/certificate.json", views.certificate, name="certificate"),
    path("<int:number>/support.zip", views.bundle, name="bundle"),
]
