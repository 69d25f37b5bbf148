"""Talks to a running gateway over HTTP: what `mosaic gateway pause` and the dashboard's buttons do."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from doctor import codes as doctor_codes
from gateway import codes, files
from gateway.errors import GatewayNotRunningError
from gateway.turnstile import DRAIN_S
from mosaic_admin.codes import BUG, Code
from mosaic_admin.errors import MosaicError
from store import codes as store_codes
from tiers import codes as tier_codes
from tiers.pglite import codes as pglite_codes

STATUS_TIMEOUT_S = 2.0
CHANGE_TIMEOUT_S = DRAIN_S + 10.0  # a pause may wait that long for requests in flight
_MODULES = (codes, doctor_codes, store_codes, tier_codes, pglite_codes)
_KNOWN: dict[str, Code] = {code.id: code for module in _MODULES for code in module.ALL}


class GatewayClient:
    def __init__(self, host: str, port: int, home: Path) -> None:
        self._port = port
        self._host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - "every address" is not dialled
        self.address = f"[{self._host}]:{port}" if ":" in self._host else f"{self._host}:{port}"
        self._token = files.read_token(home)

    def status(self) -> dict[str, Any]:
        return self._ask("GET", "/control/status", STATUS_TIMEOUT_S)

    def pause(self) -> dict[str, Any]:
        return self._ask("POST", "/control/pause", CHANGE_TIMEOUT_S)

    def resume(self) -> dict[str, Any]:
        return self._ask("POST", "/control/resume", CHANGE_TIMEOUT_S)

    def _ask(self, method: str, path: str, timeout_s: float) -> dict[str, Any]:
        try:
            status, body = self._exchange(method, path, timeout_s)
        except (OSError, HTTPException, ValueError):
            raise GatewayNotRunningError(
                f"No gateway answers at {self.address}.", remediation="Start it: mosaic gateway start"
            ) from None
        if status < 300 and isinstance(body, dict):
            return body
        raise _error_of(body)

    def _exchange(self, method: str, path: str, timeout_s: float) -> tuple[int, Any]:
        """Ask once. The standard library's client: it knows no proxy, and a command need not wait for a larger one."""
        connection = HTTPConnection(self._host, self._port, timeout=STATUS_TIMEOUT_S)
        try:
            connection.connect()
            connection.sock.settimeout(timeout_s)
            connection.request(method, path, headers={"Authorization": f"Bearer {self._token or 'none'}"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


def _error_of(body: Any) -> MosaicError:
    """Return the gateway's own error; it has our shape."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return GatewayNotRunningError(
            "Something else than a Mosaic gateway answers at its address.",
            remediation="Correct MOSAIC_GATEWAY_HOST and MOSAIC_GATEWAY_PORT, or stop that program.",
        )
    code = _KNOWN.get(str(error.get("code")), BUG)
    return MosaicError(str(error.get("message")), remediation=str(error.get("remediation")), code=code)
