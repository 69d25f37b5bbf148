"""The gateway is served by the worker that waits for no client."""

from __future__ import annotations

import os
import socket

from gateway.server import THREADS, GatewayServer
from gateway.worker import GatewayWorker
from mosaic_admin.serving import PatientWorker


def test_the_gateway_has_the_dashboards_patience_with_slow_clients() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    number = listener.fileno()
    server = GatewayServer(listener, lambda: None, threads=THREADS)
    os.close(number)  # the server took it over
    worker = server.cfg.worker_class
    assert worker is GatewayWorker
    assert issubclass(worker, PatientWorker)
    limits = ("request_s", "stalled_s", "taken_bytes_s")
    assert [getattr(worker, name) for name in limits] == [getattr(PatientWorker, name) for name in limits]
