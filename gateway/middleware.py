"""Lets data requests through while the gateway serves, and counts them for a pause."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from gateway import runtime
from gateway.errors import NoMethodError, NotServingError

Handler = Callable[[HttpRequest], HttpResponse]


class OneShapeMiddleware:
    """Give the error shape to what ninja answers in plain text: a method that an address does not have."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != 405:
            return response
        allowed = response.headers.get("Allow", "")
        error = NoMethodError(f"{request.path} has no {request.method}.", remediation=f"It has: {allowed}.")
        return JsonResponse(error.as_dict(), status=405, headers={"Allow": allowed})


class AdmissionMiddleware:
    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/v1/"):
            return self.get_response(request)
        try:
            with runtime.current().turnstile.admit():
                return self.get_response(request)
        except NotServingError as error:
            headers = {"Retry-After": str(error.retry_after_s)}
            return JsonResponse(error.as_dict(), status=error.http_status, headers=headers)
