"""A cutover in words and as JSON: the same for the page and for the command."""

from __future__ import annotations

from typing import Any

from migration.models import Cutover
from mosaic_admin import env


def restart_words() -> str:
    """Say how this host's gateway comes to read its configuration again."""
    pid_file = env.load().home.resolve() / "run" / "gateway.pid"
    return (
        "Restart the gateway, it reads its configuration only then: stop its process, then run `mosaic gateway start`. "
        f"Under `make run` a stopped gateway is started again by itself: `kill -TERM $(cat {pid_file})`"
    )


def as_document(cutover: Cutover) -> dict[str, Any]:
    """Return what every face shows of a cutover."""
    error = {"code": cutover.error_code, "message": cutover.error_message, "remediation": cutover.error_remediation}
    return {
        "run": cutover.job.number,
        "status": cutover.status,
        "step": cutover.step,
        "is_stalled": cutover.is_stalled,
        "previous": cutover.previous.name if cutover.previous else "",
        "target": cutover.target.name if cutover.target else "",
        "smoke": cutover.smoke,
        "gained": cutover.gained,
        "by": cutover.by_name,
        "created_at": cutover.created_at.isoformat(),
        "done_at": cutover.done_at.isoformat() if cutover.done_at else None,
        "rolled_back_by": cutover.rolled_back_by_name,
        "rolled_back_at": cutover.rolled_back_at.isoformat() if cutover.rolled_back_at else None,
        "error": error if cutover.error_code else None,
    }
