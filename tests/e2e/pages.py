"""Every page that the browser tests look at, and the addresses that are none.

`look(page, name)` of tests/e2e/looking.py holds a page against its line here; tests/unit/mosaic_admin/test_pages.py
holds the lines against the access table and the tests.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.urls import Resolver404, resolve

NOWHERE = "(no address)"

# Pages that one GET shows to an admin, whatever has happened before: name -> address.
# {tier}, {span}, {person}: the federated configuration, the doctor's newest stretch, an admin's own account.
PLAIN = {
    "overview": "/",
    "audit": "/audit/",
    "compare": "/migrations/compare",
    "doctor": "/doctor/",
    "doctor-code": "/doctor/codes/MOS-PG-003/",
    "doctor-codes": "/doctor/codes/",
    "doctor-federated": "/doctor/?tier=federated",
    "doctor-history": "/doctor/history/",
    "doctor-local": "/doctor/?tier=local",
    "doctor-past": "/doctor/history/{span}/",
    "doctor-suppress": "/doctor/suppress/MOS-CFG-011/config/",
    "doctor-webhooks": "/doctor/webhooks/",
    "gateway": "/gateway/",
    "gateway-pause": "/gateway/pause/",
    "gateway-resume": "/gateway/resume/",
    "migrations": "/migrations/",
    "new-dry-run": "/migrations/new",
    "not-found": "/nothing/",
    "password": "/people/password/",
    "people": "/people/",
    "person-close": "/people/{person}/change/",
    "person-reset": "/people/{person}/reset/",
    "stack": "/stack/",
    "stack-start": "/stack/up/",
    "tier": "/tiers/{tier}/",
    "tier-activate": "/tiers/{tier}/activate/",
    "tier-edit": "/tiers/{tier}/edit/",
    "tier-json": "/tiers/{tier}/edit/?as=json",
    "tier-new": "/tiers/new/",
    "tiers": "/tiers/",
    "tokens": "/people/tokens/",
}

# States that a test brings about first: name -> route, as in the access table.
_RUN = "migrations/<int:number>/"
STATES = {
    "compared": "migrations/compare",
    "cut-over": f"{_RUN}cutover",
    "cutover": f"{_RUN}cutover",
    "gateway-paused": "gateway/",
    "invitation": "join/<str:raw>/",
    "invitation-used": "join/<str:raw>/",
    "invited": "people/",
    "plan-local": _RUN,
    "plan-ready": _RUN,
    "plan-to-decide": _RUN,
    "rollback": f"{_RUN}rollback",
    "rolled-back": f"{_RUN}cutover",
    "run-cancel": f"{_RUN}cancel",
    "run-discard": f"{_RUN}discard",
    "run-events": f"{_RUN}events",
    "run-failed": _RUN,
    "run-interrupted": _RUN,
    "run-live": _RUN,
    "run-paused": _RUN,
    "run-rehearsed": _RUN,
    "run-rejects": f"{_RUN}rejects",
    "run-verified": _RUN,
    "runs": "migrations/",
    "sign-in": "sign-in/",
    "sign-in-refused": "sign-in/",
    "stack-no-engine": "stack/",
    "stack-running": "stack/",
    "step-up": "people/",
    "tier-changed-by-hand": "tiers/<int:pk>/",
    "tier-refused": "tiers/new/",
    "token-made": "people/tokens/",
    "token-revoke": "people/tokens/<int:token_id>/revoke/",
    "webhook-remove": "doctor/webhooks/<int:webhook_id>/delete/",
}

# Addresses that show no page of ours.
SENT_TO = "Only sent to: a GET is refused."
FRAGMENT = "A part of a page that the page asks for itself; looked at as a part of it."
FILE = "Hands out a file, JSON or plain text."
NO_PAGES = {
    "api/v1/": FILE,
    "api/v1/docs": "Swagger UI as django-ninja ships it: what axe finds there is not ours to change.",
    "api/v1/openapi.json": FILE,
    "audit/export.csv": FILE,
    "audit/export.json": FILE,
    "doctor/bundle/": FILE,
    "doctor/check/": SENT_TO,
    "doctor/suppressed/<int:suppression_id>/lift/": SENT_TO,
    "doctor/webhooks/<int:webhook_id>/test/": SENT_TO,
    "healthz": FILE,
    f"{_RUN}certificate.json": FILE,
    f"{_RUN}cutover/state": FRAGMENT,
    f"{_RUN}decide": SENT_TO,
    f"{_RUN}live": FRAGMENT,
    f"{_RUN}pause": SENT_TO,
    f"{_RUN}pause-gateway": SENT_TO,
    f"{_RUN}plan.json": FILE,
    f"{_RUN}rehearse": SENT_TO,
    f"{_RUN}rejects.csv": FILE,
    f"{_RUN}rejects/accept": SENT_TO,
    f"{_RUN}replan": SENT_TO,
    f"{_RUN}resume": SENT_TO,
    f"{_RUN}start": SENT_TO,
    f"{_RUN}support.zip": FILE,
    f"{_RUN}throttle": SENT_TO,
    "migrations/runs.csv": FILE,
    "migrations/runs.json": FILE,
    "migrations/signing-key.pem": FILE,
    "readyz": FILE,
    "sign-out/": SENT_TO,
    "stack/compose.tar.gz": FILE,
    "stack/logs/": FRAGMENT,
    "stack/seen/": FRAGMENT,
    "strip/": FRAGMENT,
    "theme/": SENT_TO,
    "tiers/import/": SENT_TO,
}


def route_of(url: str) -> str:
    """Return the route of an address as the access table has it; NOWHERE for one that leads to nothing."""
    try:
        return resolve(urlsplit(url).path).route
    except Resolver404:
        return NOWHERE


def routes() -> dict[str, str]:
    """Return the route of every page that is looked at: name -> route."""
    samples = {"tier": 1, "span": 1, "person": 1}
    return {name: route_of(address.format(**samples)) for name, address in PLAIN.items()} | STATES
