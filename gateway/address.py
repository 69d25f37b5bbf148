"""The address the gateway listens on."""

from __future__ import annotations

import socket

from mosaic_admin import codes
from mosaic_admin.errors import SettingError


def reserve_address(host: str, port: int) -> socket.socket:
    """Bind the gateway's address before anything else is asked: a taken port is an error at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        raise SettingError(
            f"The gateway cannot listen on {host}:{port}: the address is taken or not this machine's.",
            remediation=f"Stop the program that uses port {port} (ss -ltnp 'sport = :{port}'), or set "
            "MOSAIC_GATEWAY_PORT (and MOSAIC_GATEWAY_HOST) to a free address.",
            code=codes.PORT_TAKEN,
        ) from exc
    return listener
