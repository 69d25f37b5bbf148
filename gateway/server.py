"""The serving process: gunicorn in this process, one worker with several threads."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.core.wsgi import get_wsgi_application
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from gateway import files, gate, runtime
from gateway.gate import Admission
from gateway.tokens import RateLimit, TokenBook
from gateway.turnstile import Turnstile
from gateway.worker import GatewayWorker
from mosaic_admin import env
from mosaic_admin.redaction import RedactingFilter
from store.alias import configure_store_alias
from store.ledger import holder_name

THREADS = 8  # of a PGlite store one: its engine takes one statement at a time, whoever asks
GRACE_S = 10  # SIGTERM: requests in flight get this long
STATEMENT_TIMEOUT_MS = 30_000  # no request keeps a connection longer; a pause can count on it


class RedactedLogger(Logger):  # type: ignore[misc]
    """gunicorn's log through the same filter as ours: it prints tracebacks."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.addFilter(RedactingFilter())


class GatewayServer(BaseApplication):  # type: ignore[misc]
    def __init__(
        self, listener: socket.socket, load: Callable[[], Any], *, threads: int, **hooks: Callable[..., None]
    ) -> None:
        self._load = load
        self._options = {
            "bind": f"fd://{listener.detach()}",
            "worker_class": GatewayWorker,
            "workers": 1,
            "threads": threads,
            "graceful_timeout": GRACE_S,
            "keepalive": 5,
            "limit_request_line": 8190,
            "logger_class": RedactedLogger,
            "loglevel": "warning",
            "proc_name": "mosaic-gateway",
            "control_socket_disable": True,
            **hooks,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self._load()


def build_runtime(admission: Admission, config_path: Path, home: Path) -> runtime.Runtime:
    """Connect this worker process: its lock, its token, its alias to the store."""
    store = admission.store
    holder = holder_name("gw", epoch=int(time.time()))
    configure_store_alias(
        store.address,
        application_name="mosaic-gw-data",
        options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c DateStyle=ISO",
    )
    recheck = gate.recheck(config_path, admission.config, store)
    turnstile = Turnstile(lambda: store.lock("shared", holder), recheck=recheck)
    return runtime.Runtime(
        turnstile=turnstile,
        token=files.ensure_token(home),
        tier=str(admission.config.tier),
        store=store.display,
        holder=holder,
        has_vector=store.address.enable_vector,
        tokens=TokenBook(home),
        rate_limit=RateLimit(env.load().gateway_rate),
    )


def serve(admission: Admission, listener: socket.socket, *, config_path: Path, home: Path) -> None:
    """Serve until SIGTERM or SIGINT. Does not return: gunicorn ends the process."""
    django.setup()  # before the fork: the worker then starts at once, on shared memory
    host, port = listener.getsockname()[:2]
    facts = {"address": f"{host}:{port}", "tier": str(admission.config.tier), "store": admission.store.display}
    built: list[runtime.Runtime] = []

    def load() -> Any:
        built.append(build_runtime(admission, config_path, home))
        runtime.install(built[0])
        built[0].turnstile.start()
        built[0].tokens.start()
        return get_wsgi_application()

    def worker_exit(_arbiter: Any, _worker: Any) -> None:
        for item in built:
            item.tokens.stop()
            item.turnstile.stop()
        admission.store.close()

    def on_exit(_arbiter: Any) -> None:
        files.write_state(home, "stopped", **facts)

    files.write_state(home, "running", warnings=list(admission.warnings), **facts)
    threads = 1 if admission.store.is_single else THREADS
    GatewayServer(listener, load, threads=threads, worker_exit=worker_exit, on_exit=on_exit).run()
