"""The gateway's gunicorn worker: what gunicorn itself refuses has our error shape too."""

from __future__ import annotations

import json
import logging
import socket
from http import HTTPStatus
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException

from gateway import faults
from gateway.errors import BadRequestError, TooLargeError
from mosaic_admin.errors import MosaicError
from mosaic_admin.serving import PatientWorker

log = logging.getLogger("mosaic.gateway")


class GatewayWorker(PatientWorker):
    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that never became one, and a bug below Django."""
        if not isinstance(exc, ParseException):
            log.error("unexpected", exc_info=exc)
        status, error = refusal_of(exc)
        body = json.dumps(error.as_dict()).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        try:
            client.sendall(head.encode() + body)
        except OSError:
            log.debug("the client of a refused request is gone")


def refusal_of(exc: BaseException) -> tuple[HTTPStatus, MosaicError]:
    """Return status and error for what gunicorn raised; its own words can hold what the client sent."""
    match exc:
        case LimitRequestLine():
            error: MosaicError = TooLargeError("The address is too long.", remediation="Send what is long in the body.")
            return HTTPStatus.REQUEST_URI_TOO_LONG, error
        case LimitRequestHeaders():
            error = TooLargeError("The headers are too long, or too many.", remediation="Send fewer and shorter ones.")
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, error
        case ParseException():
            error = BadRequestError(
                "This is no HTTP/1.1 request.", remediation="Use an HTTP client, on this very port."
            )
            return HTTPStatus.BAD_REQUEST, error
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR, faults.bug()
