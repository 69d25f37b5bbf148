"""Ports that servers are to listen on."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from mosaic_admin import codes
from mosaic_admin.errors import MosaicError


@dataclass(frozen=True)
class PortUse:
    """A port, who wants it, and the setting that changes it."""

    port: int
    purpose: str
    setting: str
    host: str = "127.0.0.1"


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether a server could listen there now. A port that only lingers from a closed connection is free."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def require_free(uses: Sequence[PortUse]) -> None:
    """Refuse with every taken port in one message, each with its setting.

    Raises:
        MosaicError: MOS-ENV-003.
    """
    taken = [use for use in uses if not is_free(use.port, use.host)]
    if not taken:
        return
    listed = "; ".join(f"{use.port} for the {use.purpose} ({use.setting})" for use in taken)
    first = taken[0]
    raise MosaicError(
        f"{'A port is' if len(taken) == 1 else 'Ports are'} taken by another program: {listed}.",
        remediation=f"See what listens there with `ss -ltnp 'sport = :{first.port}'` and stop it, or choose another "
        f"port: {first.setting}={_suggestion(first)} make run",
        code=codes.PORT_TAKEN,
        ports={use.setting: use.port for use in taken},
    )


def _suggestion(use: PortUse) -> int:
    candidate = use.port + 10_000 if use.port < 50_000 else use.port - 10_000
    return candidate if is_free(candidate, use.host) else free_port()
