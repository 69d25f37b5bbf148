"""One click of the migration wizard that two packages share: pause the gateway, then make the dry run again."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from gateway import services as gateway
from gateway import views as gateway_views
from gateway.services import GatewayState
from migration import services
from migration.views import actor, to_run
from mosaic_admin.access import OPERATORS, allow
from mosaic_admin.errors import MosaicError


@allow(OPERATORS)
@require_POST
def pause_and_replan(request: HttpRequest, number: int) -> HttpResponse:
    """Pause the gateway that is in a plan's way, and make the plan anew; a gateway that goes on leaves it as it is."""
    job = services.get_job(number)
    gateway_views.pause(request)
    if gateway.read_status().state is GatewayState.PAUSED:
        try:
            services.decide(job=job, by=actor(request))
        except MosaicError as error:
            messages.error(request, f"{error.message} {error.remediation} ({error.code.id})")
    return to_run(job)
