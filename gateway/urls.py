"""The URLs of the gateway process. The dashboard's pages about it are in `gateway/dashboard_urls.py`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from gateway import faults
from gateway.api import api
from gateway.errors import BadRequestError, RecordNotFoundError

urlpatterns = [path("", api.urls)]


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    error = RecordNotFoundError("Nothing has this address.", remediation="See what there is: GET /v1/openapi.json")
    return JsonResponse(error.as_dict(), status=404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    error = BadRequestError(
        "The request cannot be read, or its Host is not one of this gateway's.",
        remediation="Use the address of the settings; list other names in MOSAIC_ALLOWED_HOSTS and start again.",
    )
    return JsonResponse(error.as_dict(), status=400)


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    return JsonResponse(faults.bug().as_dict(), status=500)


handler400, handler404, handler500 = bad_request, not_found, server_error
