"""`mosaic gateway start`: reserve the address, ask the gate, serve."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway import files, gate
from gateway.address import reserve_address
from mosaic_admin.env import Environment
from mosaic_admin.errors import MosaicError


def run(environment: Environment, *, announce: Callable[[dict[str, Any]], None]) -> None:
    """Serve until the process is told to stop. `announce` is given the facts of a start that was admitted.

    Raises what the gate refuses, and a taken address.
    """
    begun = time.monotonic()
    home, path = environment.home.resolve(), environment.config.resolve()
    listener = reserve_address(environment.gateway_host, environment.gateway_port)
    with listener:
        files.ensure_token(home)
        admission = gate.decide(path, wait_s=environment.boot_wait_s)
        announce(
            {
                "tier": str(admission.config.tier),
                "store": admission.store.display,
                "decided_ms": round((time.monotonic() - begun) * 1000),
                "warnings": list(admission.warnings),
            }
        )
        from gateway import server  # Django and gunicorn: a refusal need not wait for them

        server.serve(admission, listener, config_path=path, home=home)


def note_refusal(error: MosaicError, home: Path) -> dict[str, Any]:
    """Note why the start was refused where the dashboard finds it, and return the facts.

    A home that cannot be written does not hide the refusal: the command prints it either way.
    """
    facts = files.refusal_facts(gate.as_refusal(error))
    try:
        files.write_state(home.resolve(), "refused", refusal=facts)
    except OSError:
        facts["note"] = "The refusal could not be written to MOSAIC_HOME: the dashboard does not show it."
    return facts
