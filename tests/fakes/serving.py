"""A worker in a hurry, and an application that needs nothing: for the tests of slow clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from tempfile import TemporaryFile
from typing import IO, Any, cast

from gateway.worker import GatewayWorker
from mosaic_admin.serving import PatientWorker


class HurriedWorker(PatientWorker):
    request_s = 1.0
    stalled_s = 1.0
    taken_bytes_s = 2_000_000


class HurriedGatewayWorker(GatewayWorker):
    request_s = 1.0
    stalled_s = 1.0
    taken_bytes_s = 2_000_000


def large_file() -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115  # gunicorn closes it
    file.truncate(60_000_000)
    return file


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with the body that was sent; `/large` with more than a socket holds, `/pieces` with as much in pieces."""
    if environ["PATH_INFO"] == "/pieces":
        start_response("200 OK", [])
        return (b"x" * 20_000 for _ in range(3_000))
    if environ["PATH_INFO"] == "/file":
        start_response("200 OK", [])
        return cast(Iterable[bytes], environ["wsgi.file_wrapper"](large_file()))
    body = b"x" * 60_000_000 if environ["PATH_INFO"] == "/large" else environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
