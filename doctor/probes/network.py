"""The first rungs of every ladder: the name, and whether anything listens."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import ClassVar

from doctor.findings import Finding, from_error, passed
from doctor.probe import BaseProbe, Context
from doctor.probes.commands import Address
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import display_url
from tiers.errors import Fault, Service
from tiers.network import is_address, resolve

REPLY_MARGIN_S = 0.1  # our own time limit strikes before the runner's, so that the probe itself words the timeout


@dataclass(frozen=True)
class _NetworkProbe(BaseProbe):
    """A rung below the server's own protocol: both servers' faults become findings in the same way."""

    server: ClassVar[Service]
    default_port: ClassVar[int]
    with_command: ClassVar[staticmethod[[Finding, Address], Finding]]
    url: str

    def run(self, context: Context) -> Finding:
        try:
            return self.ask(context)
        except MosaicError as error:
            return self.with_command(from_error(error), Address.of(self.url, port=self.default_port))

    def ask(self, context: Context) -> Finding:
        raise NotImplementedError


@dataclass(frozen=True)
class NameProbe(_NetworkProbe):
    """Look the host name up; what was found is kept for the next rung."""

    host: str

    def ask(self, context: Context) -> Finding:
        limit_s = context.remaining_s() - REPLY_MARGIN_S
        found = resolve(self.host, service=self.server, where=display_url(self.url), timeout_s=limit_s)
        context.keep("addresses", found, close=_nothing, abort=_nothing)
        if is_address(self.host):
            return passed(f"{self.host} is an address.")
        return passed(f"{self.host} is known.", ("Addresses", ", ".join(found)))


@dataclass(frozen=True)
class PortProbe(_NetworkProbe):
    """Open the port and close it again without a word; both servers take that without a line in their logs."""

    port: int

    def ask(self, context: Context) -> Finding:
        begun = time.monotonic()
        connection = self.open(context)
        took = (time.monotonic() - begun) * 1000
        self.leave(connection, context)
        return passed(f"Port {self.port} takes connections.", ("Connected in", f"{took:.1f} ms"))

    def leave(self, connection: socket.socket, context: Context) -> None:
        """Close it, unless the next rung goes on with it."""
        connection.close()

    def open(self, context: Context) -> socket.socket:
        """Try the addresses in order. Raises the ServiceError of the last one's fault."""
        fault, limit_s = Fault.REFUSED, context.remaining_s()
        for address in context.get("addresses", list):
            try:
                return socket.create_connection((address, self.port), context.remaining_s() - REPLY_MARGIN_S)
            except TimeoutError:
                fault = Fault.TIMEOUT
            except OSError:
                fault = Fault.REFUSED
        raise fault.build(self.server, display_url(self.url), timeout_s=limit_s) from None


def _nothing() -> None:
    """What is kept needs no closing."""


def shut(file_number: int) -> None:
    """Cut a connection from another thread: whoever waits in it wakes with an error. Its owner still closes it."""
    try:
        with socket.socket(fileno=socket.dup(file_number)) as twin:
            twin.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # gone already, which is what was wanted
