"""A TCP proxy whose connections can be cut or stalled: what a network does to a migration."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

BLOCK = 65_536


class Proxy:
    """Forwards one port to another. `cut` breaks what is open, `stall` keeps it open and lets nothing through."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._flows = threading.Event()
        self._flows.set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._cut_at: int | None = None
        self._passed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, direct: str) -> str:
        """Return the URL of the same database through this proxy."""
        parts = urlsplit(direct)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0] + f":{self.port}"))

    def cut(self) -> None:
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, no goodbye
                    end.shutdown(socket.SHUT_RDWR)

    def cut_next(self, after: int) -> None:
        """Cut everything once that many more bytes have passed."""
        self._cut_at = self._passed + after

    def stall(self) -> None:
        self._flows.clear()

    def flow(self) -> None:
        self._flows.set()

    @property
    def flows(self) -> bool:
        return self._flows.is_set()

    def close(self) -> None:
        self.flow()
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with self._lock:
            self._open |= {source, target}
        with contextlib.suppress(OSError):
            while block := source.recv(BLOCK):
                self._flows.wait()
                self._count(len(block))
                target.sendall(block)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= {source, target}
        source.close()

    def _count(self, size: int) -> None:
        self._passed += size
        if self._cut_at is not None and self._passed > self._cut_at:
            self._cut_at = None
            self.cut()


@contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    parts = urlsplit(url)
    proxy = Proxy(str(parts.hostname), int(parts.port or 5432))
    try:
        yield proxy
    finally:
        proxy.close()
