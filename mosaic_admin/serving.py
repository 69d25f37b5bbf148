"""gunicorn's thread worker, which waits for no client to hang up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

CLOSERS = 4


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """Close connections on threads of their own.

    gunicorn (27.0) lingers up to 2 s on each connection it closes, in the one thread that also takes new ones: six
    clients that keep their end open stop a server for twelve seconds.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._closers = ThreadPoolExecutor(CLOSERS, thread_name_prefix="hang-up")

    def enqueue_req(self, conn: TConn) -> None:
        conn.close = partial(self._close, conn)
        super().enqueue_req(conn)

    def _close(self, conn: TConn, graceful: bool = False) -> None:
        if graceful:
            self._closers.submit(TConn.close, conn, graceful=True)
        else:
            TConn.close(conn)
