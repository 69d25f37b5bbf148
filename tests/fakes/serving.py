"""A worker in a hurry, and an application that needs nothing: for the tests of slow clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mosaic_admin.serving import PatientWorker


class HurriedWorker(PatientWorker):
    request_s = 1.0
    stalled_s = 1.0


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with the body that was sent; `/large` with more than a socket holds."""
    body = b"x" * 60_000_000 if environ["PATH_INFO"] == "/large" else environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
