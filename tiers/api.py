"""Read tier configurations as JSON: `GET /api/v1/tiers`, `GET /api/v1/tiers/{id}`. Secrets are masked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from tiers import services
from tiers.config import ConfigError
from tiers.masking import mask_document
from tiers.models import TierConfig

router = Router(tags=["tiers"])


class TierOut(Schema):
    id: int
    name: str
    tier: str
    is_active: bool
    revision: int
    updated_at: datetime
    updated_by: str | None


class TierDetailOut(TierOut):
    document: dict[str, Any]
    effective: list[dict[str, str]]
    problems: list[dict[str, str]]
    warnings: list[dict[str, str]]


@router.get("", response=list[TierOut], summary="List tier configurations")
def list_tiers(request: HttpRequest) -> list[dict[str, Any]]:
    return [_summary(config) for config in services.all_configs()]


@router.get("/{int:config_id}", response=TierDetailOut, summary="Show one tier configuration")
def show_tier(request: HttpRequest, config_id: int) -> dict[str, Any]:
    config = services.get_config(config_id)
    return {**_summary(config), "document": mask_document(config.document), **_resolved(config)}


def _summary(config: TierConfig) -> dict[str, Any]:
    fields = ("id", "name", "tier", "is_active", "revision", "updated_at")
    person = config.updated_by
    return {name: getattr(config, name) for name in fields} | {"updated_by": person.get_username() if person else None}


def _resolved(config: TierConfig) -> dict[str, Any]:
    try:
        resolved = services.resolve_config(config)
    except ConfigError as error:
        return {"effective": [], "problems": [problem.as_dict() for problem in error.problems], "warnings": []}
    return {
        "effective": [value.as_dict() for value in resolved.effective()],
        "problems": [],
        "warnings": [warning.as_dict() for warning in resolved.warnings],
    }
