"""gunicorn's thread worker, which waits for no client: neither for one that sends slowly, nor for one to hang up."""

from __future__ import annotations

import io
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

CLOSERS = 4
PIECE_BYTES = 65_536
TAKEN_BYTES = 8_000_000  # of a body, into memory; a larger one is refused by the application, which reads none of it

log = logging.getLogger("mosaic.web")


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """Take requests whole within a time, and close connections on threads of their own.

    gunicorn (27.0) waits without end for the rest of a request in a thread of its few: as many clients as there are
    threads, each with half a line sent, stop a server. And it lingers up to 2 s on each connection it closes, in the
    one thread that also takes new ones: six clients that keep their end open stop it for twelve seconds.
    """

    request_s = 30.0  # for the whole request, head and body
    stalled_s = 30.0  # for a client that takes nothing of its answer
    taken_bytes_s = 16_000  # a client that takes less of a long answer is given up

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cfg.set("sendfile", False)  # the kernel would send files past our clock
        self._closers = ThreadPoolExecutor(CLOSERS, thread_name_prefix="hang-up")
        self._deadlines: dict[TConn, float] = {}
        self._guard = threading.Lock()

    def init_process(self) -> None:
        threading.Thread(target=self._hang_up_on_the_slow, name="slow-clients", daemon=True).start()
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        conn.close = partial(self._close, conn)
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        with self._guard:
            self._deadlines[conn] = time.monotonic() + self.request_s
        try:
            return super().handle(conn)
        finally:
            self._is_taken(conn)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        _take_body(req, conn.sock)
        self._is_taken(conn)
        plain, conn.sock = conn.sock, _Outgoing(conn.sock, self.stalled_s, self.taken_bytes_s)
        try:
            return super().handle_request(req, conn)
        finally:
            conn.sock = plain

    def _is_taken(self, conn: TConn) -> None:
        with self._guard:
            self._deadlines.pop(conn, None)

    def _hang_up_on_the_slow(self) -> None:
        while True:
            time.sleep(min(1.0, self.request_s / 4))
            now = time.monotonic()
            with self._guard:
                late = [conn for conn, deadline in self._deadlines.items() if deadline < now]
                for conn in late:
                    del self._deadlines[conn]
                    _end(conn.sock)
            if late:
                log.warning("%s connections took longer than %s s to send a request", len(late), self.request_s)

    def _close(self, conn: TConn, graceful: bool = False) -> None:
        if graceful:
            self._closers.submit(TConn.close, conn, graceful=True)
        else:
            TConn.close(conn)


class _Outgoing:
    """A connection while it is answered: what is sent has to be taken, at a rate.

    A time for each send alone would let a client take a byte now and then of an answer in many pieces, for days. Only
    the time spent waiting for the client counts, not what the application takes to make the next piece.
    """

    def __init__(self, sock: socket.socket, grace_s: float, bytes_s: float) -> None:
        self._sock = sock
        self._left_s = grace_s
        self._bytes_s = bytes_s

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, data: bytes) -> None:
        """Send all of it. Raises TimeoutError when the client is too slow."""
        rest = memoryview(data)
        while rest:
            if self._left_s <= 0:
                raise TimeoutError("the client takes its answer too slowly")
            begun = time.monotonic()
            self._sock.settimeout(self._left_s)
            sent = self._sock.send(rest[:PIECE_BYTES])
            self._left_s += sent / self._bytes_s - (time.monotonic() - begun)
            rest = rest[sent:]


def _take_body(req: Any, sock: socket.socket) -> None:
    """Read the body while somebody watches the clock; later nobody does."""
    headers = dict(req.headers)
    length = headers.get("CONTENT-LENGTH", "")
    if not length.isdecimal() or not 0 < int(length) <= TAKEN_BYTES:
        return
    if "100-continue" in headers.get("EXPECT", "").lower():
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        req.headers = [(name, value) for name, value in req.headers if name != "EXPECT"]
    req.body = io.BytesIO(req.body.read(int(length)))


def _end(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads it, which then closes it
    except OSError:
        log.debug("a slow client is gone already")
