"""Who may use which address: written by hand, so that a new address fails until somebody has decided.

Pages: (who may read: GET, HEAD, OPTIONS; who may send: everything else). API: the scope that opens it for a token; a
signed-in person of any role may read it.
"""

from __future__ import annotations

from mosaic_admin.access import ADMINS, OPERATORS, PUBLIC, READERS, Role
from mosaic_admin.people.models import Scope

Roles = frozenset[Role]

PAGES: dict[str, tuple[Roles, Roles]] = {
    "": (READERS, READERS),
    "sign-in/": (PUBLIC, PUBLIC),
    "sign-out/": (PUBLIC, PUBLIC),
    "join/<str:raw>/": (PUBLIC, PUBLIC),
    "strip/": (READERS, READERS),
    "theme/": (PUBLIC, PUBLIC),
    "audit/": (READERS, READERS),
    "audit/export.csv": (READERS, READERS),
    "audit/export.json": (READERS, READERS),
    "people/": (ADMINS, ADMINS),
    "people/<int:user_id>/change/": (ADMINS, ADMINS),
    "people/<int:user_id>/reset/": (ADMINS, ADMINS),
    "people/password/": (READERS, READERS),
    "people/tokens/": (ADMINS, ADMINS),
    "people/tokens/<int:token_id>/revoke/": (ADMINS, ADMINS),
    "migrations/": (READERS, READERS),
    "migrations/new": (OPERATORS, OPERATORS),
    "migrations/signing-key.pem": (READERS, READERS),
    "migrations/<int:number>/": (READERS, READERS),
    "migrations/<int:number>/live": (READERS, READERS),
    "migrations/<int:number>/decide": (OPERATORS, OPERATORS),
    "migrations/<int:number>/replan": (OPERATORS, OPERATORS),
    "migrations/<int:number>/rehearse": (OPERATORS, OPERATORS),
    "migrations/<int:number>/start": (OPERATORS, OPERATORS),
    "migrations/<int:number>/pause": (OPERATORS, OPERATORS),
    "migrations/<int:number>/throttle": (OPERATORS, OPERATORS),
    "migrations/<int:number>/resume": (OPERATORS, OPERATORS),
    "migrations/<int:number>/cancel": (OPERATORS, OPERATORS),
    "migrations/<int:number>/cutover": (READERS, OPERATORS),
    "migrations/<int:number>/cutover/state": (READERS, READERS),
    "migrations/<int:number>/rollback": (OPERATORS, OPERATORS),
    "migrations/<int:number>/events": (READERS, READERS),
    "migrations/<int:number>/plan.json": (READERS, READERS),
    "migrations/<int:number>/certificate.json": (READERS, READERS),
    "migrations/<int:number>/support.zip": (READERS, READERS),
    "tiers/": (READERS, READERS),
    "tiers/new/": (OPERATORS, OPERATORS),
    "tiers/import/": (OPERATORS, OPERATORS),
    "tiers/<int:pk>/": (READERS, READERS),
    "tiers/<int:pk>/edit/": (OPERATORS, OPERATORS),
    "tiers/<int:pk>/activate/": (OPERATORS, OPERATORS),
    "doctor/bundle/": (READERS, READERS),
    "doctor/": (READERS, READERS),
    "doctor/check/": (READERS, READERS),
    "doctor/suppress/<str:code_id>/<str:service>/": (OPERATORS, OPERATORS),
    "doctor/suppressed/<int:suppression_id>/lift/": (OPERATORS, OPERATORS),
    "doctor/history/": (READERS, READERS),
    "doctor/history/<int:number>/": (READERS, READERS),
    "doctor/webhooks/": (ADMINS, ADMINS),
    "doctor/webhooks/<int:webhook_id>/delete/": (ADMINS, ADMINS),
    "doctor/webhooks/<int:webhook_id>/test/": (ADMINS, ADMINS),
    "doctor/codes/": (READERS, READERS),
    "doctor/codes/<str:code_id>/": (READERS, READERS),
    "api/v1/openapi.json": (READERS, READERS),
    "api/v1/docs": (READERS, READERS),
    "api/v1/": (READERS, READERS),
    "gateway/": (READERS, READERS),
    "gateway/pause/": (OPERATORS, OPERATORS),
    "gateway/resume/": (OPERATORS, OPERATORS),
    "healthz": (PUBLIC, PUBLIC),
    "readyz": (PUBLIC, PUBLIC),
}
API: dict[str, Scope] = {
    "api/v1/doctor": Scope.DOCTOR_READ,
    "api/v1/doctor/metrics": Scope.DOCTOR_READ,
    "api/v1/doctor/schema": Scope.DOCTOR_READ,
    "api/v1/migrations": Scope.MIGRATIONS_READ,
    "api/v1/migrations/<int:number>": Scope.MIGRATIONS_READ,
    "api/v1/migrations/<int:number>/events": Scope.MIGRATIONS_READ,
    "api/v1/tiers": Scope.TIERS_READ,
    "api/v1/tiers/<int:config_id>": Scope.TIERS_READ,
}
